"""Names of languages, where people read them: codes are BCP 47's, as sources and parameters use."""

import re
from collections.abc import Sequence

NAMES = {  # ISO 639-1, and those of ISO 639-3 that corpora of speech use
    code: name
    for code, _, name in (
        line.strip().partition(" ")
        for line in """
        aa Afar
        ab Abkhazian
        af Afrikaans
        ak Akan
        am Amharic
        an Aragonese
        ar Arabic
        as Assamese
        ast Asturian
        av Avaric
        ay Aymara
        az Azerbaijani
        ba Bashkir
        be Belarusian
        bg Bulgarian
        bm Bambara
        bn Bengali
        bo Tibetan
        br Breton
        bs Bosnian
        ca Catalan
        ce Chechen
        ceb Cebuano
        ckb Central Kurdish
        cmn Mandarin
        co Corsican
        cr Cree
        cs Czech
        cv Chuvash
        cy Welsh
        da Danish
        de German
        dv Dhivehi
        dz Dzongkha
        ee Ewe
        el Greek
        en English
        eo Esperanto
        es Spanish
        et Estonian
        eu Basque
        fa Persian
        ff Fula
        fi Finnish
        fil Filipino
        fj Fijian
        fo Faroese
        fr French
        fy Western Frisian
        ga Irish
        gd Scottish Gaelic
        gl Galician
        gn Guarani
        gu Gujarati
        gv Manx
        ha Hausa
        haw Hawaiian
        he Hebrew
        hi Hindi
        hr Croatian
        ht Haitian Creole
        hu Hungarian
        hy Armenian
        id Indonesian
        ig Igbo
        is Icelandic
        it Italian
        iu Inuktitut
        ja Japanese
        jv Javanese
        ka Georgian
        kab Kabyle
        kg Kongo
        ki Kikuyu
        kk Kazakh
        kl Greenlandic
        km Khmer
        kn Kannada
        ko Korean
        ks Kashmiri
        ku Kurdish
        kw Cornish
        ky Kyrgyz
        la Latin
        lb Luxembourgish
        lg Ganda
        ln Lingala
        lo Lao
        lt Lithuanian
        lv Latvian
        mg Malagasy
        mi Māori
        mk Macedonian
        ml Malayalam
        mn Mongolian
        mr Marathi
        ms Malay
        mt Maltese
        my Burmese
        nb Norwegian Bokmål
        nd Northern Ndebele
        ne Nepali
        nl Dutch
        nn Norwegian Nynorsk
        no Norwegian
        nr Southern Ndebele
        nso Northern Sotho
        nv Navajo
        ny Chichewa
        oc Occitan
        om Oromo
        or Odia
        os Ossetian
        pa Punjabi
        pl Polish
        ps Pashto
        pt Portuguese
        qu Quechua
        rm Romansh
        rn Kirundi
        ro Romanian
        ru Russian
        rw Kinyarwanda
        sa Sanskrit
        sc Sardinian
        sd Sindhi
        se Northern Sami
        sg Sango
        si Sinhala
        sk Slovak
        sl Slovenian
        sm Samoan
        sn Shona
        so Somali
        sq Albanian
        sr Serbian
        ss Swati
        st Southern Sotho
        su Sundanese
        sv Swedish
        sw Swahili
        ta Tamil
        te Telugu
        tg Tajik
        th Thai
        ti Tigrinya
        tk Turkmen
        tl Tagalog
        tn Tswana
        to Tongan
        tr Turkish
        ts Tsonga
        tt Tatar
        ty Tahitian
        ug Uyghur
        uk Ukrainian
        ur Urdu
        uz Uzbek
        ve Venda
        vi Vietnamese
        wa Walloon
        wo Wolof
        xh Xhosa
        yi Yiddish
        yo Yoruba
        yue Cantonese
        za Zhuang
        zh Chinese
        zu Zulu
        zxx no language
        """.strip().splitlines()
    )
}


def language_name(code: str) -> str:
    """Greek, of el; Portuguese (BR), of pt_BR. What is no known code stays as it is."""
    base, _, rest = re.sub("_", "-", code).partition("-")
    name = NAMES.get(base.lower())
    return code if name is None else f"{name} ({rest})" if rest else name


def named_with_code(code: str) -> str:
    """Greek (el): where people shall find the code, too."""
    name = language_name(code)
    return name if name == code else f"{name.partition(' (')[0]} ({code})"


def number_of(language: str | None, languages: Sequence[str]) -> int:
    """Which of these languages it is, from 0. The first one stands for all that are not named."""
    return languages.index(language) if language in languages else 0
