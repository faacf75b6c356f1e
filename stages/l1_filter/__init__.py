"""L1 filter: clean, unique documents."""

from typing import Annotated

from pydantic import Field

from stages.l1_filter.by_language import ByLanguage
from stages.l1_filter.datatrove import Datatrove
from stages.l1_filter.duplicates.exact_duplicates import ExactDuplicates
from stages.l1_filter.duplicates.near_duplicates import NearDuplicates
from stages.l1_filter.duplicates.substring_duplicates import SubstringDuplicates
from stages.l1_filter.heuristics.c4_quality import C4Quality
from stages.l1_filter.heuristics.fineweb_quality import FineWebQuality
from stages.l1_filter.heuristics.gopher_quality import GopherQuality
from stages.l1_filter.heuristics.gopher_repetition import GopherRepetition
from stages.l1_filter.language import Language
from stages.l1_filter.personal_data import PersonalData
from stages.l1_filter.url_filter import UrlFilter

__all__ = ["ByLanguage", "Language", "Step"]

Step = Annotated[
    UrlFilter
    | Language
    | GopherRepetition
    | GopherQuality
    | C4Quality
    | FineWebQuality
    | ExactDuplicates
    | NearDuplicates
    | SubstringDuplicates
    | PersonalData
    | Datatrove,
    Field(discriminator="kind"),
]
"""Every step that an L1 recipe may name."""
