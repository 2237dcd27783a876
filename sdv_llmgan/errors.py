"""Everything this package raises on purpose.

SDV re-raises what happens while sampling as ``type(error)(message)``, so each class can be made
from one string.
"""


class LLMGANError(Exception):
    """Root of the tree; catch it to catch all of them."""

    def __str__(self) -> str:
        """The message, and the cause's where SDV put words of its own in front of it."""
        said = super().__str__()
        if type(self.__cause__) is not type(self) or str(self.__cause__).rstrip('.') in said:
            return said
        return f'{said} {self.__cause__}'


class PluginError(LLMGANError):
    """A plugin is unknown, offered twice, cannot be loaded, or returns what it may not."""


class ProviderError(LLMGANError):
    """A language model could not be reached, refused the request, or lacks its key."""


class TransientError(ProviderError):
    """A call failed in a way that trying again may cure; a provider raises it, the meter retries.

    Attributes:
        retry_after: Seconds after which the server wants to be asked again; ``None``: it did not
            say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimitError(TransientError):
    """The server takes no more calls for now."""


class ReplyError(LLMGANError):
    """A reply could not be read as what was asked for."""


class SamplingError(LLMGANError):
    """The rows asked for could not be had within the calls allowed."""


class BudgetError(LLMGANError):
    """A budget would be passed by the next call, or cannot be kept because a price is unknown."""


class EgressError(LLMGANError):
    """An egress policy and the other settings contradict each other; nothing was sent."""
