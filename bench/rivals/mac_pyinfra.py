"""What users of the stock pyinfra command write for the same wishes."""

from pyinfra.context import host
from pyinfra.operations import brew

for tap in host.data.taps.split(","):
    brew.tap(name=f"tap {tap}", src=tap)
brew.packages(name="formulae", packages=host.data.formulae.split(","))
brew.casks(name="casks", casks=host.data.casks.split(","))
