"""The public API: the one list of its names, read by type checkers and by `daypart` itself.

Each line imports public names from the module that defines them.
"""

from daypart._version import __version__ as __version__
from daypart.demo import demo as demo
from daypart.deployment.deploy import deploy as deploy
from daypart.disclosure.ledger import releases as releases
from daypart.engine.cancel import cancel as cancel
from daypart.engine.costs.cost import cost as cost
from daypart.engine.costs.prices.prices import prices as prices
from daypart.engine.logs import logs as logs
from daypart.engine.results.compaction import compact as compact
from daypart.engine.status import status as status
from daypart.errors import DaypartError as DaypartError
from daypart.insights.insights import insights as insights
from daypart.models.trust import trust_model as trust_model
from daypart.planning.delivery.measure import measure as measure
from daypart.planning.plan import plan as plan
from daypart.planning.reach.reach import reach as reach
from daypart.report.report import report as report
from daypart.runs.audit import audit as audit
from daypart.runs.backtest import backtest as backtest
from daypart.runs.estimate import estimate as estimate
from daypart.runs.fit import fit as fit
from daypart.runs.posterior import posterior as posterior
from daypart.runs.predict import predict as predict
from daypart.series.long_table import import_series as import_series
from daypart.synthetic.counts import simulate_counts as simulate_counts
from daypart.synthetic.simulation import simulate as simulate
from daypart.tables.table import mapped_table as mapped_table
from daypart.viewing.forget import forget as forget
from daypart.viewing.ingest import ingest as ingest
from daypart.viewing.inspect import inspect as inspect
from daypart.viewing.on_executor.driver import OnExecutor as OnExecutor
from daypart.viewing.set_aside import quarantine as quarantine
