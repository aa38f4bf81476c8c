"""Three stages of one job, each a stand-in for an API: what it is given is worked into an answer after a while."""

import asyncio
from hashlib import sha256

SECTORS = ("farming", "finance", "health", "retail", "software", "transport")
COUNTRIES = {"de": "Germany", "fr": "France", "it": "Italy", "nl": "the Netherlands"}


async def discover(item: dict[str, str]) -> dict[str, str]:
    """Find out whose a domain is."""
    await asyncio.sleep(0.2)
    name, ending = item["domain"].rsplit(".", 1)
    return {"company": name.replace("-", " ").title(), "country": COUNTRIES[ending]}


async def enrich(item: dict[str, str]) -> dict[str, object]:
    """Look a company up."""
    await asyncio.sleep(0.2)
    drawn = sha256(item["company"].encode()).digest()
    return {"sector": SECTORS[drawn[0] % len(SECTORS)], "employees": 1 + drawn[1] * drawn[2]}


async def refresh(item: dict[str, object]) -> str:
    """Put what is known into words."""
    await asyncio.sleep(0.1)
    about = f"{item['sector']} in {item['country']}"
    return f"{item['company']}: {about}, {item['employees']:,} people"
