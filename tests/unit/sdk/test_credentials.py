import stat
from pathlib import Path

import pytest

from oncofed.contracts.errors import BadInput, Corrupt
from oncofed.sdk.credentials import (
    FILE_NAME,
    Credentials,
    SignIn,
    chosen_hub,
    credentials,
    data_directory,
    hub_address,
    token_of_environment,
)

HUB = "https://hub.example.org"


def test_the_data_directory_is_the_environments_or_in_the_home() -> None:
    assert data_directory({"ONCOFED_DATA": "/data"}) == Path("/data")
    assert data_directory({}) == Path.home() / ".oncofed"


def test_a_sign_in_is_kept_where_only_its_owner_reads_it(tmp_path: Path) -> None:
    kept = credentials({"ONCOFED_DATA": str(tmp_path / "deep")})
    kept.keep(HUB, SignIn("secret", "again", 5.0))
    path = tmp_path / "deep" / FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = Credentials(path)
    assert (again.default, again.sign_ins) == (HUB, {HUB: SignIn("secret", "again", 5.0)})
    again.renew(HUB, SignIn("fresh"))
    assert Credentials(path).sign_ins[HUB].access == "fresh"


def test_forgetting_leaves_the_others(tmp_path: Path) -> None:
    kept = Credentials(tmp_path / FILE_NAME)
    kept.keep("https://one", SignIn("1"))
    kept.keep("https://two", SignIn("2"))
    assert kept.forget("https://two") == SignIn("2")
    again = Credentials(tmp_path / FILE_NAME)
    assert (again.default, list(again.sign_ins)) == ("https://one", ["https://one"])
    assert again.forget("https://two") is None
    assert again.forget("https://one") == SignIn("1")
    assert Credentials(tmp_path / FILE_NAME).default == ""


@pytest.mark.parametrize("content", ["{", "[]", '{"default": "x"}', '{"default": "", "sign_ins": {"u": {"a": 1}}}'])
def test_a_broken_file_says_so(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(Corrupt, match="credentials-unreadable"):
        Credentials(tmp_path / FILE_NAME)


def test_which_hub_is_meant(tmp_path: Path) -> None:
    environment = {"ONCOFED_DATA": str(tmp_path)}
    with pytest.raises(BadInput, match="hub-unknown"):
        chosen_hub(None, environment)
    credentials(environment).keep(HUB, SignIn("secret"))
    assert chosen_hub(None, environment) == HUB
    assert chosen_hub(None, {**environment, "ONCOFED_HUB": "http://other/"}) == "http://other"
    assert chosen_hub("third.example", environment) == "https://third.example"
    assert hub_address("http://127.0.0.1:8000/") == "http://127.0.0.1:8000"


def test_a_token_may_come_by_environment_or_file(tmp_path: Path) -> None:
    assert token_of_environment({}) is None
    assert token_of_environment({"ONCOFED_TOKEN": "t"}) == "t"
    (tmp_path / "token").write_text("from-file\n")
    assert token_of_environment({"ONCOFED_TOKEN": "t", "ONCOFED_TOKEN_FILE": str(tmp_path / "token")}) == "from-file"
    with pytest.raises(BadInput, match="ONCOFED_TOKEN_FILE"):
        token_of_environment({"ONCOFED_TOKEN_FILE": str(tmp_path / "absent")})
