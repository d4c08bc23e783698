"""What every command has in common: errors become one sentence and an exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

DONE, BAD_INPUT, REFUSED, UNAVAILABLE, FAILED = 0, 2, 3, 4, 5
INTERRUPTED = 130


class Commands(TyperGroup):
    """The root of the commands; with `--json` an error is an object on stderr."""

    def main(  # noqa: PLR0917  # the signature is Typer's
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002  # as above
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line and exit with its code."""
        words = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(
                words,
                prog_name,
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except typer.TyperException as error:
            sys.exit(fail("usage", error.format_message(), BAD_INPUT, as_json="--json" in words))
        except typer.Abort:
            sys.exit(INTERRUPTED)
        except Exception as error:  # noqa: BLE001  # the top of the process: nothing escapes it
            sys.exit(_report(error, as_json="--json" in words))
        sys.exit(code if isinstance(code, int) else DONE)


def fail(kind: str, sentence: str, code: int, *, as_json: bool) -> int:
    """Say on stderr what is wrong and return the exit code."""
    one_line = " ".join(sentence.split())
    if as_json:
        text = json.dumps({"error": {"code": kind, "message": one_line, "exit_code": code}})
    else:
        text = f"alphashield: {one_line}"
    sys.stderr.write(text + "\n")
    return code


def _report(error: Exception, *, as_json: bool) -> int:
    # Lazy: `--help` needs no schemas.
    from schemas.errors import (
        AlphaShieldError,
        BadConfiguration,
        BudgetExhausted,
        Conflict,
        LimitBreached,
        NotAllowed,
        Unavailable,
    )

    refused = (NotAllowed, Conflict, LimitBreached, BudgetExhausted, BadConfiguration)
    if isinstance(error, Unavailable):
        return fail(error.code, str(error), UNAVAILABLE, as_json=as_json)
    if isinstance(error, refused):
        return fail(error.code, str(error), REFUSED, as_json=as_json)
    if isinstance(error, AlphaShieldError):
        return fail(error.code, str(error), BAD_INPUT, as_json=as_json)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        sentence = f"{where}{error.strerror or error}"
        return fail("unavailable", sentence, UNAVAILABLE, as_json=as_json)
    _log_bug(error)
    sentence = (
        f"this is a fault of ours ({type(error).__name__}); "
        "ALPHASHIELD_LOG_LEVEL=DEBUG shows where it happened"
    )
    return fail("internal-error", sentence, FAILED, as_json=as_json)


def _log_bug(error: Exception) -> None:
    import logging

    logging.getLogger(__name__).debug("unhandled error", exc_info=error)
