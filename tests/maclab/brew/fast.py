"""Answers that need nothing but the prefix: no imports, so that they take only Python's start."""


def answer(prefix: str, repository: str, arguments: list[str]) -> str:
    """What brew prints for a question that it answers without looking; empty for all others.

    Source: recordings `prefix`, `repository`, `cellar`, `caskroom`, which took 0.01 to 0.03 s.
    """
    if len(arguments) != 1:
        return ""
    return {
        "--prefix": prefix,
        "--repository": repository,
        "--repo": repository,
        "--cellar": prefix + "/Cellar",
        "--caskroom": prefix + "/Caskroom",
    }.get(arguments[0], "")
