"""`oncofed login URL`: sign this computer in to a hub. The person confirms in a browser; a file keeps the token."""

import sys
from typing import Annotated

import typer

from oncofed.contracts.errors import Refused
from oncofed.sdk.client import connect
from oncofed.sdk.credentials import SignIn, chosen_hub, credentials
from oncofed.sdk.sign_in import SignInDesk

app = typer.Typer(add_completion=False)


@app.command()
def login(
    url: Annotated[str | None, typer.Argument(help="The hub's address; else ONCOFED_HUB or the last one.")] = None,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Store a personal access token read from standard input.")
    ] = False,
    sign_out: Annotated[bool, typer.Option("--sign-out", help="End the sign-in, here and at the hub.")] = False,
) -> None:
    """Sign this computer in to a hub.

    Shows a code and an address; open the address in any browser, sign in and confirm. The token is kept in the file
    `client.json` under `ONCOFED_DATA` (or `~/.oncofed`), readable by you only.
    """
    address = chosen_hub(url)
    desk = SignInDesk(address)
    try:
        if sign_out:
            _sign_out(address, desk)
            return
        given = SignIn(sys.stdin.readline().strip()) if token_stdin else _by_device_code(desk)
    finally:
        desk.close()
    with connect(address, given.access) as hub:
        person = hub.whoami()
    if not person["signed_in"]:
        raise Refused("token-invalid")
    stored = credentials()
    stored.keep(address, given)
    typer.echo(f"Signed in to {address} as {person['name']}")
    typer.echo(f"Kept in {stored.path}. Next: oncofed search “modality = MR”", err=True)


def _by_device_code(desk: SignInDesk) -> SignIn:
    code = desk.begin()
    typer.echo(f"Open {code.complete_address}", err=True)
    typer.echo(f"and confirm the code {code.user_code} (it holds for {code.expires_in / 60:.0f} minutes).", err=True)
    return desk.confirmed(code)


def _sign_out(address: str, desk: SignInDesk) -> None:
    known = credentials().forget(address)
    if known is None:
        typer.echo(f"You were not signed in to {address}")
        return
    desk.revoke(known)
    typer.echo(f"Signed out of {address}")
