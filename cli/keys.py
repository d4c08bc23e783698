"""`keys`: making, listing and revoking API keys, on the machine that serves."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.doors import opened
from cli.output import Json, note, print_json, print_line, print_table

app = typer.Typer(help="API keys of this installation.")


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="What or whom it is for.")],
    role: Annotated[str, typer.Option(help="`admin`, `read_write` or `read_only`.")] = "admin",
    as_json: Json = False,
) -> None:
    """Make a key and print it, this once. From the first key on, every call needs one."""
    from pydantic import ValidationError

    from schemas.api import KeyView, NewKey
    from schemas.errors import InvalidRequest
    from schemas.validation import sentence_of

    try:
        wanted = NewKey.model_validate({"name": name, "role": role})
    except ValidationError as error:
        raise InvalidRequest(sentence_of(error, {"name": "--name", "role": "--role"})) from error
    with opened(context) as doors:
        key, secret = doors.keyring.create(wanted.name, wanted.role)
    if as_json:
        print_json({"key": KeyView.of(key), "secret": secret})
        return
    print_line(secret)
    note(f"key {key.key_id} ({key.role}) for '{key.name}'; it is shown this once: keep it safe")


@app.command("list")
def list_keys(context: typer.Context, as_json: Json = False) -> None:
    """List all keys; their secrets are stored nowhere."""
    from schemas.api import KeyView

    with opened(context) as doors:
        keys = [KeyView.of(key) for key in doors.keyring.list()]
    if as_json:
        print_json({"keys": keys})
        return
    print_table(
        "",
        ("key", "name", "role", "made", "revoked"),
        (
            (
                key.key_id,
                key.name,
                key.role,
                f"{key.created_at:%Y-%m-%d %H:%M}",
                f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "",
            )
            for key in keys
        ),
    )


@app.command()
def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID")],
    as_json: Json = False,
) -> None:
    """Revoke a key at once."""
    from schemas.api import KeyView

    with opened(context) as doors:
        key = doors.keyring.revoke(key_id)
    if as_json:
        print_json(KeyView.of(key))
    else:
        print_line(f"key {key.key_id} of '{key.name}' is revoked")
