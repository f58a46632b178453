"""Names of languages for people, by their codes (BCP 47), as sources and parameters use them."""

from wordbrush.errors import optional_packages

with optional_packages():
    from babel import Locale
    from babel.core import get_global


def language_name(code: str) -> str:
    """Greek, of el; Portuguese (BR), of pt_BR. What is no known code stays as it is."""
    base, _, rest = code.replace("_", "-").partition("-")
    known = get_global("language_aliases").get(base.lower(), base.lower())
    name = Locale("en").languages.get(known)
    return code if name is None else f"{name} ({rest})" if rest else name


def named_with_code(code: str) -> str:
    """Greek (el): where people shall find the code, too."""
    name = language_name(code)
    return name if name == code else f"{name.partition(' (')[0]} ({code})"
