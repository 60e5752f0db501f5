"""Private elements: denied by default, kept where the safe list knows the creator and the element (PS3.15 E.3.10)."""

from pydicom.dataset import Dataset

from oncofed.imaging.deidentify.tables import safe_private
from oncofed.imaging.deidentify.values import Encodings, text_of


class PrivateBlocks:
    """The private blocks of one dataset: which elements may stay, and as what."""

    def __init__(self, dataset: Dataset, encoded: Encodings, keeps_safe: bool) -> None:
        self._creators: dict[int, str] = {}
        self._used: set[int] = set()
        if not keeps_safe:
            return
        known = safe_private()
        odd = [int(tag) for tag, _ in dataset.items() if int(tag) & 0x10000]
        for tag in odd:
            if 0x10 <= tag & 0xFFFF <= 0xFF:
                self._creators[tag] = text_of(dataset.get_item(tag), "LO", encoded).strip(" \0")
        for tag in odd:
            creator = self._creator(tag)
            if tag & 0xFFFF > 0xFF and (self._creators.get(creator, ""), tag >> 16, tag & 0xFF) in known:
                self._used.add(creator)

    @staticmethod
    def _creator(tag: int) -> int:
        return tag & 0xFFFF0000 | tag >> 8 & 0xFF

    def vr(self, tag: int) -> str | None:
        """The VR of a private element that may stay; None: it goes."""
        if tag & 0xFFFF <= 0xFF:
            return "LO" if tag in self._used else None
        creator = self._creators.get(self._creator(tag))
        return None if creator is None else safe_private().get((creator, tag >> 16, tag & 0xFF))
