"""Client of the Tandem recommender. `api` has a module for each call, `models` what they take and answer."""
from .models import NewEvent, NewImpression, Problem, RecommendationQuery
from .retries import Patience
from .tandem import Tandem, TandemError

__all__ = ["NewEvent", "NewImpression", "Patience", "Problem", "RecommendationQuery", "Tandem", "TandemError"]
