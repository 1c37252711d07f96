"""What `doctor` says: findings worst first, what is fine, what could not be checked, since when."""

from __future__ import annotations

from dataclasses import replace

from bootstrapper.diagnosis import diagnose
from bootstrapper.results import Failure, MachineResult, OperationResult, Status
from deploys.findings import Finding, Severity


def operation(
    stage: str, status: Status, *findings: Finding, failure: Failure | None = None
) -> OperationResult:
    return OperationResult(
        "laptop", stage, f"{stage} operation", status, findings=findings, failure=failure
    )


def finding(code: str, severity: Severity = "change") -> Finding:
    return Finding(code, f"{code} was seen.", severity=severity)


def test_a_machine_with_nothing_to_do_is_healthy_and_says_what_is_fine() -> None:
    told = diagnose(
        MachineResult("laptop", (operation("ruby", "unchanged"), operation("blog", "unchanged")))
    )
    assert told.health == "healthy"
    assert told.findings == ()
    assert told.fine == ("ruby", "blog")


def test_findings_come_worst_first() -> None:
    told = diagnose(
        MachineResult(
            "laptop",
            (
                operation("machine", "unchanged", finding("a.notice", "notice")),
                operation("ruby", "planned", finding("b.change")),
                operation("blog", "refused", finding("c.refusal", "refusal")),
            ),
        )
    )
    assert [one.code for one in told.findings] == ["c.refusal", "b.change", "a.notice"]
    assert told.health == "findings"
    assert told.fine == ("machine",)


def test_a_notice_alone_leaves_a_machine_healthy() -> None:
    told = diagnose(
        MachineResult("laptop", (operation("machine", "unchanged", finding("a", "notice")),))
    )
    assert told.health == "healthy"


def test_what_could_not_be_checked_is_not_called_broken() -> None:
    unread = operation("ruby", "unknown", failure=Failure("could not read MacRuby"))
    told = diagnose(MachineResult("laptop", (unread,)))
    assert told.health == "could not check"
    assert told.unchecked == ("ruby operation: could not read MacRuby",)
    gone = diagnose(MachineResult("laptop", failure=Failure("could not connect to laptop")))
    assert gone.health == "could not check"


def test_what_lies_behind_a_stopped_engine_is_no_finding() -> None:
    stopped = operation("container_engine", "planned", finding("engine.stopped"))
    blog = replace(
        operation("blog", "planned", finding("blog.image-missing")), after="container_engine"
    )
    told = diagnose(MachineResult("laptop", (stopped, blog)))
    assert [one.code for one in told.findings] == ["engine.stopped"]
    assert told.unseen == ("blog",)


def test_a_served_page_that_differs_is_a_finding_too() -> None:
    differs = finding("proof.differs")
    told = diagnose(MachineResult("laptop", (operation("blog", "unchanged"),)), proof=[differs])
    assert told.findings == (differs,)
    assert told.health == "findings"
