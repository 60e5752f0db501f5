"""The command line as a public client of the hub's own OpenID provider, by device code only."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def create(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the client that `oncofed login` names."""
    apps.get_model("allauth_idp_oidc", "Client").objects.update_or_create(
        id="oncofed-cli",
        defaults={
            "name": "oncofed command line",
            "type": "public",
            "secret": "",
            "scopes": "search\nsaved",
            "default_scopes": "search\nsaved",
            "grant_types": "urn:ietf:params:oauth:grant-type:device_code\nrefresh_token",
            "response_types": "",
        },
    )


class Migration(migrations.Migration):
    """Needs allauth's tables."""

    dependencies = [("accounts", "0001_initial"), ("allauth_idp_oidc", "0003_client_allow_uri_wildcards")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
