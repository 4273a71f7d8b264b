"""`backfill verify`: what is landed beside the companies themselves, what differs, and a page of each to sign."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backfill.cli import output
from backfill.cli.command import run_command
from backfill.cli.options import ConfigOption, EntityOption, JsonOption, NoWaitOption, RealmOption
from backfill.cli.output import Exit

if TYPE_CHECKING:
    from backfill.cli.extraction import Extraction, Task
    from backfill.cli.verify_page import RealmPage
    from backfill.config import Settings
    from backfill.jobs.fleet import Trouble
    from backfill.jobs.verify import VerifyOptions
    from backfill.jobs.work import RealmWork
    from backfill.model import Proof, RealmId, Scan
    from backfill.store.postgres_store import PostgresStore
    from backfill.verdict_model import Verdict


def verify(
    realm: RealmOption = None,
    entity: EntityOption = None,
    deep: Annotated[bool, typer.Option("--deep", help="Compare every document; else thirty of each entity.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Read again what differs, and nothing else; then compare once more.")
    ] = False,
    pages: Annotated[
        Path | None, typer.Option(metavar="DIRECTORY", help="Write a page for each company there, as HTML and JSON.")
    ] = None,
    no_wait: NoWaitOption = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what is landed with the companies: counts, Ids, documents, and the trial balance.

    Exit code 0: all equal. 1: something differs, or could not be compared. 2: wrong usage. 3: stopped.
    """

    async def work(settings: Settings) -> Exit:
        from backfill.jobs.trial import ADDED_UP
        from backfill.jobs.verify import VerifyOptions
        from backfill.qbo.catalogue import entity as find_entity

        chosen = [find_entity(name) for name in (entity or settings.extract.entities)]
        options = VerifyOptions(
            entities=chosen,
            deep=deep,
            trial_balance={one.name for one in chosen} >= ADDED_UP,
            readers=settings.extract.readers_per_realm,
            costs=settings.costs,
        )
        ended = await run(settings, options, realm or [], repair=repair, pages=pages, wait=not no_wait)
        output.show(ended.as_json(), ended.in_words(), as_json=as_json)
        return ended.exit_code

    run_command(work, config=config, as_json=as_json)


async def run(
    settings: Settings,
    options: VerifyOptions,
    realm_ids: Sequence[str],
    *,
    repair: bool,
    pages: Path | None,
    wait: bool,
) -> Extraction:
    """Verify the realms (none named: all). Raises `BackfillError`."""
    from backfill.cli.extraction import run_realms
    from backfill.jobs.verified import verified_realm

    place = None if pages is None else _made(pages)

    compared = read_again = 0
    not_compared: set[tuple[RealmId, str]] = set()

    def task(store: PostgresStore) -> Task:
        async def compare(work: RealmWork, _scan: Scan) -> Sequence[Proof]:
            nonlocal compared, read_again
            verdicts, repaired = await verified_realm(work, store, options, repair=repair)
            compared += sum(one.compared for one in verdicts)
            read_again += repaired
            not_compared.update((work.realm_id, one.entity) for one in verdicts if one.equal is None)
            if pages is not None:
                _write(pages, await _page(work, store, options, verdicts, repaired))
            return [proof_of(one) for one in verdicts]

        return compare

    scope = {
        "entities": sorted(entity.name for entity in options.entities),
        "deep": options.deep,
        "repair": repair,
        # A page is written once: who wants them elsewhere wants them all there.
        "pages": place,
    }
    ended = await run_realms(settings, "verify", scope, realm_ids=realm_ids, wait=wait, task=task)
    return replace(
        ended,
        fleet=replace(
            ended.fleet,
            troubles=[
                trouble if (trouble.realm_id, trouble.entity) in not_compared else _with_advice(trouble, repair)
                for trouble in ended.fleet.troubles
            ],
        ),
        good="equal to the company",
        also=f"{compared:,} documents compared; {read_again:,} objects read again.",
    )


def _with_advice(trouble: Trouble, repaired: bool) -> Trouble:
    """What differs is not mended by comparing it again."""
    if trouble.code != "unproven":
        return trouble
    realm = f"--realm {trouble.realm_id}"
    # All documents: where one of thirty differs, others most likely do that nobody has looked at yet.
    action = f"Put it right: backfill verify --repair --deep {realm}. If much is missing: backfill extract {realm}"
    if trouble.entity == "TrialBalance":
        action = f"Look for the documents that differ: backfill verify --deep {realm}"
    elif repaired:
        action = (
            "It was read again and differs still. Of what changed within ten minutes the newer version stands: run it"
            f" again in a quarter of an hour. If it stays, see what Intuit said: backfill calls {realm}"
        )
    from msgspec import structs

    return structs.replace(trouble, action=action)


def proof_of(verdict: Verdict) -> Proof:
    """The verdict as a run's result has it."""
    from backfill.jobs.verified import holds
    from backfill.model import Proof

    reason = "" if holds(verdict) else verdict.note
    if verdict.differing:
        named = ", ".join(f"{one.id} ({one.kind.value})" for one in verdict.differences[:5])
        more = ", ..." if verdict.differing > 5 else ""
        reason = f"{verdict.differing:,} differ from the company: {named}{more}"
    return Proof(
        entity=verdict.entity,
        proven=holds(verdict),
        method="verified",
        counted=verdict.counted,
        landed_live=verdict.held,
        quarantined=0,
        watermark=None,
        reason=reason,
    )


async def _page(
    work: RealmWork, store: PostgresStore, options: VerifyOptions, verdicts: Sequence[Verdict], repaired: int
) -> RealmPage:
    import msgspec

    from backfill.cli.verify_page import RealmPage

    found = await store.documents(work.realm_id, "CompanyInfo", ["1"])
    info: dict[str, object] = {}
    with suppress(msgspec.MsgspecError):  # what is landed may be broken: that is what is looked for
        info = msgspec.json.decode(found.get("1", b"{}"), type=dict[str, object])
    return RealmPage(
        realm_id=work.realm_id,
        name=str(info.get("CompanyName") or ""),
        verified_at=work.now(),
        deep=options.deep,
        verdicts=verdicts,
        proofs=await store.proofs(work.realm_id),
        repaired=repaired,
    )


def _made(directory: Path) -> str:
    """Books are nobody else's business: a directory that is made is its owner's alone. Raises `UsageError`.

    Returns its whole path.
    """
    from backfill.errors import UsageError

    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return str(directory.absolute())
    except OSError as error:
        raise UsageError(f"--pages {directory}: {error.strerror}.") from error


def _write(directory: Path, page: RealmPage) -> None:
    from backfill.cli.private_file import private_file
    from backfill.cli.verify_page import page_as_html, page_as_json

    # A realm's Id comes from a file that a person wrote.
    name = "".join(character if character.isalnum() else "_" for character in page.realm_id)
    for suffix, content in (("html", page_as_html(page)), ("json", page_as_json(page))):
        with private_file(directory / f"{name}.{suffix}") as file:
            file.write(content)
