"""Settings come from the environment, then from hub.toml; none are needed."""

from pathlib import Path

import pytest

from oncofed.contracts.errors import BadInput
from oncofed.hub import configuration
from oncofed.hub.configuration import OpenIdProvider, email, read


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path


def test_nothing_set_works(directory: Path):
    found = read({"ONCOFED_DATA": str(directory)})
    assert found.data_directory == directory
    assert found.public_url == configuration.DEFAULT_URL
    assert not found.secure
    assert not found.postgresql
    assert found.public_host == "127.0.0.1"
    assert found.oidc is None
    assert len(found.secret_key) > 40
    database = found.database()
    assert database["NAME"] == directory / "hub.sqlite"
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_environment_goes_before_file_and_file_before_address(directory: Path):
    (directory / "address").write_text("http://127.0.0.1:9999\n")
    assert read({"ONCOFED_DATA": str(directory)}).public_url == "http://127.0.0.1:9999"
    (directory / "hub.toml").write_text('public_url = "https://hub.example/"\ntitle = "Ours"\n')
    found = read({"ONCOFED_DATA": str(directory)})
    assert (found.public_url, found.title, found.secure) == ("https://hub.example", "Ours", True)
    given = {"ONCOFED_DATA": str(directory), "ONCOFED_PUBLIC_URL": "https://other.example", "ONCOFED_TITLE": "Theirs"}
    found = read(given)
    assert (found.public_url, found.title, found.public_host) == ("https://other.example", "Theirs", "other.example")


def test_secrets_may_stand_in_files(directory: Path):
    path = directory / "elsewhere"
    path.write_text("from a file\n")
    (directory / "keys").mkdir()
    (directory / "keys" / "secret").write_text("made at init\n")
    assert read({"ONCOFED_DATA": str(directory)}).secret_key == "made at init"
    assert read({"ONCOFED_DATA": str(directory), "SECRET_KEY_FILE": str(path)}).secret_key == "from a file"
    assert read({"ONCOFED_DATA": str(directory), "SECRET_KEY": "said"}).secret_key == "said"
    with pytest.raises(BadInput, match="SECRET_KEY_FILE cannot be read"):
        read({"ONCOFED_DATA": str(directory), "SECRET_KEY_FILE": str(directory / "missing")})


@pytest.mark.parametrize(
    "toml", ["public_url = 3", 'public_url = "ftp://x"', "not toml", '[oidc]\nissuer = "https://id.example"']
)
def test_what_cannot_be_is_said(directory: Path, toml: str):
    (directory / "hub.toml").write_text(toml)
    with pytest.raises(BadInput) as caught:
        read({"ONCOFED_DATA": str(directory)})
    assert caught.value.code == "setting-invalid"


def test_openid_provider(directory: Path):
    given = {
        "ONCOFED_DATA": str(directory),
        "ONCOFED_OIDC_ISSUER": "https://id.example",
        "ONCOFED_OIDC_CLIENT_ID": "hub",
        "ONCOFED_OIDC_CLIENT_SECRET": "s",
        "ONCOFED_OIDC_NAME": "Example ID",
    }
    expected = OpenIdProvider(issuer="https://id.example", client_id="hub", client_secret="s", name="Example ID")
    assert read(given).oidc == expected
    (directory / "hub.toml").write_text('[oidc]\nissuer = "https://id.example"\nclient_id = "hub"\n')
    assert read({"ONCOFED_DATA": str(directory)}).oidc == OpenIdProvider(
        issuer="https://id.example", client_id="hub", client_secret=""
    )


def test_postgresql_addresses(directory: Path):
    def database(url: str) -> dict[str, object]:
        return read({"ONCOFED_DATA": str(directory), "DATABASE_URL": url}).database()

    found = database("postgresql://us%40er:p%2Fw@db.example:5433/hub?sslmode=verify-full")
    assert found | {"OPTIONS": None} == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "hub",
        "USER": "us@er",
        "PASSWORD": "p/w",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": None,
    }
    assert found["OPTIONS"]["sslmode"] == "verify-full"
    socket = database("postgresql://postgres:@/postgres?host=%2Frun%2Fpg")
    assert (socket["HOST"], socket["PORT"], socket["NAME"]) == ("/run/pg", "", "postgres")
    with pytest.raises(BadInput, match="postgresql://"):
        database("mysql://x/y")


def test_mail():
    assert email("smtp://me:pass%20word@mail.example")["EMAIL_PORT"] == 587
    assert email("smtp://me:pass%20word@mail.example")["EMAIL_HOST_PASSWORD"] == "pass word"
    secure = email("smtps://mail.example")
    assert (secure["EMAIL_PORT"], secure["EMAIL_USE_SSL"], secure["EMAIL_USE_TLS"]) == (465, True, False)
    with pytest.raises(BadInput):
        email("https://mail.example")
