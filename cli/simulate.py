"""`simulate` and `demo`: store a job, run it here, write what came of it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.borrower import read_borrower
from cli.doors import Doors, opened, root_of
from cli.group import DONE
from cli.output import Json, counted, note, print_json, print_line
from cli.outputs import prepare, write
from cli.policy_file import read_policy
from cli.running import exit_code_of, print_results, run_here, summary

if TYPE_CHECKING:  # heavy, and named in annotations alone: `--help` stays fast
    from collections.abc import Generator, Mapping

    from schemas.jobs import Job, SimulationRequest
    from schemas.results import ResultsBundle

DEMO_BORROWER = Path("examples/borrowers/maria-santos.json")
DEMO_MODELS = ("buy-and-hold", "equal-weight", "momentum", "min-variance")
DEMO_UNIVERSE = "bundled-20"
# What a sentence about the whole request calls a thing, and what it is called here.
_SPOKEN = {
    "`mask`": "--mask",
    "start_date": "--start",
    "end_date": "--end",
    "an application": "--application",
}
_OPTIONS = {
    "models": "--models",
    "start_date": "--start",
    "end_date": "--end",
    "mode": "--mode",
    "application": "--application",
    "data": "--data",
    "universe": "--universe",
    "universe_name": "--universe",
    "cash": "--cash",
    "cadence": "--cadence",
    "seed": "--seed",
    "execution": "--execution",
    "limits": "--limits",
}


def simulate(
    context: typer.Context,
    *,
    models: Annotated[str, typer.Option(help="Models, comma-separated: `baseline:momentum`.")],
    start: Annotated[str, typer.Option(help="First day, as 2020-01-02.")],
    end: Annotated[str, typer.Option(help="Last day.")],
    mode: Annotated[str, typer.Option(help="`trading` or `loan`.")] = "trading",
    application: Annotated[
        Path | None, typer.Option(help="Loan mode: the borrower's JSON file.")
    ] = None,
    universe: Annotated[
        str | None, typer.Option(help="A universe's name, or symbols: `AAPL,MSFT`. Default: all.")
    ] = None,
    cash: Annotated[str, typer.Option(help="Trading mode: starting capital.")] = "100000",
    cadence: Annotated[
        str, typer.Option(help="How often the agent is asked: `daily`, `weekly`, `monthly`.")
    ] = "daily",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    mask: Annotated[bool, typer.Option("--mask", help="Hide names and dates.")] = False,
    data: Annotated[str, typer.Option(help="Data set: see `data coverage`.")] = "bundled",
    execution: Annotated[
        Path | None, typer.Option(help="YAML or JSON: fills and costs, as config/execution.yaml.")
    ] = None,
    limits: Annotated[
        Path | None, typer.Option(help="YAML or JSON: the risk gate's limits and rules.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files.")] = None,
    as_json: Json = False,
) -> None:
    """Run models over dates and write report, results and tables."""
    request = _request(
        {
            "models": [name.strip() for name in models.split(",")],
            "start_date": start,
            "end_date": end,
            "mode": mode,
            "application": read_borrower(application) if application else None,
            **_universe(universe, root_of(context).setup().universes),
            "cash": cash,
            "cadence": cadence,
            "seed": seed,
            "mask": mask,
            "data": data,
            **({"execution": read_policy(execution)} if execution else {}),
            **({"limits": read_policy(limits)} if limits else {}),
        }
    )
    with opened(context) as doors:
        with _place(out or Path("out"), ours=out is not None):
            job = _submit(doors, request)
        folder = out or Path("out") / job.job_id
        job = run_here(doors, job, quiet=as_json)
        deliver(doors, job, folder, as_json=as_json)


def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("out/demo"),
    as_json: Json = False,
) -> None:
    """Run the main job on bundled prices: a self-funding loan, and an arena of four baselines."""
    from orchestrator.joint import publish_jointly
    from schemas.results import ResultsBundle

    symbols = root_of(context).setup().universes[DEMO_UNIVERSE]
    requests = _demo_requests(symbols)
    with _place(out, ours=True), opened(context) as doors:
        jobs: list[Job] = []
        for job in [_submit(doors, request) for request in requests]:
            done = run_here(doors, job, quiet=as_json)
            code = exit_code_of(done)
            if code != DONE:
                raise typer.Exit(code)
            jobs.append(done)
        files = publish_jointly(
            jobs, artifacts=doors.artifacts, ticks=doors.ticks, repeat="alphashield demo"
        )
    write(out, files)
    bundle = ResultsBundle.model_validate_json(files["results.json"])
    _tell(bundle, out, {"job_ids": [job.job_id for job in jobs]}, as_json=as_json)


def deliver(doors: Doors, job: Job, folder: Path, *, as_json: bool) -> None:
    """Write an ended job's files, print its figures, and exit with its code."""
    from schemas.jobs import ENDED
    from schemas.results import ResultsBundle

    # Also of a failed job: when a canary sang, the report is what says which and why.
    names = doors.artifacts.names(job.job_id) if job.state in ENDED else ()
    said = {"job_ids": [job.job_id], "state": job.state, "error": job.error}
    files = {name: doors.artifacts.get(job.job_id, name) for name in names}
    if files:
        _write_kept(folder, files, job.job_id)
        bundle = ResultsBundle.model_validate_json(files["results.json"])
        _tell(bundle, folder, said, as_json=as_json)
    elif as_json:
        print_json(said)
    raise typer.Exit(exit_code_of(job))


def _write_kept(folder: Path, files: Mapping[str, bytes], job_id: str) -> None:
    """Write files of which the store has the originals; a refusal says how to get at them."""
    from schemas.errors import InvalidRequest, Unavailable

    try:
        prepare(folder)
        write(folder, files)
    except (InvalidRequest, Unavailable) as error:
        raise type(error)(
            f"{error}; the files are kept: `alphashield jobs export {job_id} --out DIR` writes them"
        ) from error


@contextmanager
def _place(folder: Path, *, ours: bool) -> Generator[None]:
    """Find out before any work whether files can be written there; a refusal leaves no folder.

    With `ours` the files go into this very folder: it may hold an earlier report and nothing else.
    """
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        prepare(folder)
        if ours:
            _refuse_strangers(folder)
        yield
    except BaseException:
        for each in made:
            with suppress(OSError):
                each.rmdir()
        raise


def _refuse_strangers(folder: Path) -> None:
    """Refuse a folder with files of somebody else's; hidden ones and our own are none."""
    from orchestrator.report.files import FILES
    from schemas.errors import InvalidRequest

    entries = [each for each in sorted(folder.iterdir()) if not each.name.startswith(".")]
    ours = (folder / "manifest.json").is_file()
    for each in entries:
        if not ours or each.name not in FILES or not each.is_file():
            raise InvalidRequest(
                f"{folder} holds {each.name}, which is no earlier report's: "
                "choose an empty or a new folder with --out"
            )


def _tell(
    bundle: ResultsBundle, folder: Path, said: Mapping[str, object], *, as_json: bool
) -> None:
    report = folder / "report.html"
    if as_json:
        print_json({**said, "report": str(report), "runs": summary(bundle)})
    else:
        print_results(bundle)
        print_line(f"Report: {report}")


def _submit(doors: Doors, request: SimulationRequest) -> Job:
    from orchestrator.submission import submit
    from schemas.errors import InvalidRequest

    try:
        job = submit(request, doors.admission, jobs=doors.jobs, wall=doors.wall)
    except InvalidRequest as error:
        raise type(error)(_spoken(str(error))) from error
    sessions = counted(job.runs[0].sessions_total, "session")
    each = " each" if len(job.runs) > 1 else ""
    note(f"job {job.job_id}: {counted(len(job.runs), 'run')}, {sessions}{each}")
    return job


def _spoken(sentence: str) -> str:
    for word, option in _SPOKEN.items():
        sentence = sentence.replace(word, option)
    return sentence


def _request(values: dict[str, Any]) -> SimulationRequest:
    from pydantic import ValidationError

    from schemas.errors import InvalidRequest
    from schemas.jobs import SimulationRequest
    from schemas.validation import sentence_of

    try:
        return SimulationRequest.model_validate(values)
    except ValidationError as error:
        raise InvalidRequest(_spoken(sentence_of(error, _OPTIONS))) from error


def _universe(text: str | None, universes: Mapping[str, tuple[str, ...]]) -> dict[str, object]:
    """Return what a request says of the universe: symbols, or a name in lower case."""
    if text is None:
        return {}
    if universes.get(text):
        return {"universe": universes[text]}
    if "," not in text and text != text.upper():
        return {"universe_name": text}
    return {"universe": tuple(symbol.strip() for symbol in text.split(","))}


def _demo_requests(symbols: tuple[str, ...]) -> tuple[SimulationRequest, SimulationRequest]:
    loan = _request(
        {
            "models": ("baseline:rules",),
            "start_date": "2019-12-02",
            "end_date": "2022-12-02",
            "mode": "loan",
            "application": read_borrower(Path(__file__).resolve().parent.parent / DEMO_BORROWER),
            "universe": symbols,
        }
    )
    arena = _request(
        {
            "models": tuple(f"baseline:{name}" for name in DEMO_MODELS),
            "start_date": "2020-01-02",
            "end_date": "2022-12-28",
            "universe": symbols,
        }
    )
    return loan, arena
