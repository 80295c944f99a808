from .dark import dark as dark
from .fits.chains import pair as pair
from .fits.chains import trace as trace
from .fits.chances import chances as chances
from .fits.checks import measured_against_law as measured_against_law
from .fits.checks import posterior as posterior
from .fits.checks import residual_trends as residual_trends
from .fits.checks import residuals as residuals
from .fits.isoflop import isoflop as isoflop
from .fits.isoflop_profiles import isoflop_profiles as isoflop_profiles
from .fits.losses import extrapolation as extrapolation
from .fits.losses import loss_band as loss_band
from .fits.optimum import allocation as allocation
from .fits.optimum import isoloss as isoloss
from .fits.population import forest as forest
from .fits.predictive import pareto_k as pareto_k
from .fits.predictive import predictive_check as predictive_check
from .fits.prior_sensitivity import prior_sensitivity as prior_sensitivity
from .fits.published import published as published
from .overview import overview as overview
from .results.allocations import allocated as allocated
from .results.approaches import approaches as approaches
from .results.backtests import coverage as coverage
from .results.backtests import misses as misses
from .results.cards import card as card
from .results.cards import ledger as ledger
from .results.collections import collection as collection
from .results.comparisons import comparison as comparison
from .results.comparisons import pooling as pooling
from .results.contrasts import contrast as contrast
from .results.contrasts import doublings as doublings
from .results.designs import design as design
from .results.diagnoses import diagnosis as diagnosis
from .results.followings import following as following
from .results.forecasts import forecast as forecast
from .results.gates import gate as gate
from .results.needs import needed as needed
from .results.plans import plan as plan
from .results.plans import serving as serving
from .results.risks import valley as valley
from .results.transfers import transfer as transfer
from .style import panels as panels

KINDS: dict[str, str]

def register() -> None: ...
