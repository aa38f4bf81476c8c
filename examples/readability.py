"""The function that python.toml calls: it is given the fields of a row and returns what is to be written for it."""

import re


def score(item: dict[str, str]) -> dict[str, float]:
    """Return how long the words and sentences of a text are, and Flesch's reading ease (higher is easier)."""
    sentences = [each for each in re.split(r"[.!?]+", item["text"]) if each.strip()]
    words = re.findall(r"[A-Za-z']+", item["text"])
    if not words:
        raise ValueError("there are no words in it")  # fails this item, and no other
    a_sentence = len(words) / len(sentences)
    a_word = sum(map(syllables, words)) / len(words)
    return {"words": len(words), "ease": round(206.835 - 1.015 * a_sentence - 84.6 * a_word, 1)}


def syllables(word: str) -> int:
    """Return about how many syllables a word has: its groups of vowels, without a silent e."""
    return max(1, len(re.findall(r"[aeiouy]+", word.lower().removesuffix("e"))))
