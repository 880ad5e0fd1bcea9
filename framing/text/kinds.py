"""Tell by their form what the lines of a page are: debris, captions, headlines, readers' comments.

Text copied from a web page includes its menus, share buttons, photo credits and comments. The rules here recognise such
lines by their form and their place on the page. For most body sentences the form does not tell; then the rules say
nothing (``None``), and the model's kind head decides. A kind is *certain* where the model must not decide, because the
words of the sentence do not show the kind: a JSON dump, or a line in a comment section.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from framing.types import Kind


@dataclass(frozen=True, slots=True)
class LineKind:
    """What the rules know about a line.

    Attributes:
        kind: the kind of its sentences; ``None`` if the form does not tell.
        is_certain: the kind is final, whatever the model says.
    """

    kind: Kind | None = None
    is_certain: bool = False

    @property
    def is_one_piece(self) -> bool:
        """Whether the line stays one piece, since debris and headlines are not cut into sentences."""
        return self.kind in (Kind.BOILERPLATE, Kind.HEADLINE)


_UNKNOWN = LineKind()
#: Debris of the page, for certain.
BOILERPLATE = LineKind(Kind.BOILERPLATE, True)
_CAPTION = LineKind(Kind.CAPTION, True)
_COMMENT = LineKind(Kind.COMMENT, True)
_HEADLINE = LineKind(Kind.HEADLINE, True)
_BODY = LineKind(Kind.BODY, True)
_LIKELY_HEADLINE = LineKind(Kind.HEADLINE, False)

#: Longer lines are prose, or dumps that their beginning shows; only this many code points are looked at.
_LONGEST_DEBRIS = 400
#: A line with more words than this is prose, even if it does not end like a sentence.
_PROSE_WORDS = 24
_LONGEST_HEADLINE_WORDS = 30
_LONGEST_SUBHEADING_WORDS = 16
_LONGEST_CAPTION_WORDS = 80

# --- debris -----------------------------------------------------------------------------------------------------------

_MACHINE_TEXT = re.compile(
    r"""
    (?:string|int|float|bool|array|object)\(\w+\)   # a dumped PHP variable
    | [\[({]*\s*\{\s*["']?\w+["']?\s*:               # JSON
    | "@?\w+"\s*:\s*["{\[\d]                          # the middle of JSON
    | </?[a-z][\w-]*(?:\s[^<>]*)?/?> | <!--           # markup
    | (?:var|let|const)\s\w+\s*= | window\.\w+ | function\s*\w*\( | \$\(  # script
    | @(?:media|import|font-face)\b | [.\#][\w-]+\s*\{ # style
    | !\[[^\]]*\]\(                                   # a picture in Markdown
    """,
    re.VERBOSE,
)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\w{2,}", re.IGNORECASE)

# Whole lines.
_BUTTONS = re.compile(
    r"""(?:
      share|tweet|print|e-?mail|pin\ it|like|save|copy\ link|facebook|twitter|whatsapp|telegram|reddit|linkedin|x|close
    | home(?:page)?|menu|search|next|previous|prev|more|loading(?:\.\.\.|…)?|top\ stor(?:y|ies)|breaking\ news|live
    | news|world(?:\ news)?|middle\ east|africa|asia(?:\ (?:&|and)\ pacific)?|europe|americas?|latin\ america|politics
    | opinions?|business|economy|sports?|culture|science|tech(?:nology)?|health|weather|video|videos|photos|gallery
    | multimedia|podcasts?|features?|analysis|editorial|interviews?|reports?|latest(?:\ news)?|national|international
    | advertisements?|ads?|sponsored(?:\ content)?|trending|most\ (?:read|popular|viewed)
    | related(?:\ (?:articles|stories|news|topics))?
    | recommended|read\ (?:more|also|next)|see\ also|also\ read|you\ may\ also\ like|more\ (?:from|on)\b.{0,40}
    | (?:leave|post|write|add|submit)\ a?\s?(?:reply|comment)|cancel\ reply|post\ comment
    | (?:name|e-?mail|website|comment)\s?\*?
    | log\ ?in|sign\ (?:in|up)|register|subscribe(?:\ now)?|contact(?:\ us)?|about(?:\ us)?|donate|newsletter|rss
    | back\ to\ top(?:\ button)?|scroll\ to\ top|go\ to\ top|get\ short\ url|hide\ caption|show\ caption|enlarge
    | (?:no|\d[\d,.]*)\ (?:comments?|shares?|views?|likes?|replies|responses?)|comments?(?:\ \(\d+\)|:)?
    )""",
    re.IGNORECASE | re.VERBOSE,
)
# Beginnings of lines.
_NOTICES = re.compile(
    r"""(?:
      share\ (?:this|on|via|the\ article)\b|tweet\ this|print\ this|e-?mail\ this|follow\ (?:us|@)|join\ us\ on\b
    | subscribe\ (?:to|now|for)\b|sign\ up\ (?:for|to)\b|log\ in\ to\b|download\ (?:our|the)\ app\b
    | read\ (?:more|also|next)\b\s*[:|]|see\ also\b\s*:|also\ read\s*[:|]|more\ on\ this\ story
    | most\ read\b|must\ watch\b|just\ watched\b
    | related(?:\ \w+)?\s*:|tags?\s*:|topics?\s*:|filed\ under\b|keywords?\s*:|categor(?:y|ies)\s*:|source\s*:
    | advertisement\b|(?:story\ )?continues?\ (?:reading\ )?(?:the\ main\ story|below)|click\ here\b|skip\ to\b
    | you\ are\ here\s*:|(?:all\ rights\ reserved|copyright\b)|(?:terms|conditions)\ of\ (?:use|service)\b
    | privacy\ policy\b|(?:this|our)\ (?:web)?site\ uses\ cookies
    | your\ e-?mail\ address\ will\ not\b|required\ fields\ are\ marked|save\ my\ name,\ e-?mail
    | notify\ me\ of\b|you\ must\ be\ logged\ in
    | comments?\ (?:are|is)\ closed|be\ the\ first\ to\ comment|report\ abuse\b|community\ standards
    | comment\ via\b|sort\ by\b|(?:leave|post|write|add)\ a\ (?:reply|comment)\b
    | font\ size\b|text\ size\b|up\ next\b|edition\s*:|for\ immediate\ release\b
    | found\ a\ (?:mistake|typo)\b|your\ browser\ does\ not\b|reproduction\ without\b|reproduced\ with\ permission\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_NOTICE_INSIDE = re.compile(
    r"all rights reserved|(?:alternat\w+|following|mirror) (?:web )?addresses\b|can also be accessed at\b",
    re.IGNORECASE,
)
#: Under an embedded post: ``— Salem Haddad (@salem) May 14, 2019``.
_SIGNATURE = re.compile(r"a post shared by\b|(?:—|–|--?)\s?[^()\n]{1,80}\(@\w{1,30}\)", re.IGNORECASE)
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec)(?:[a-z]*)\.?"
_DATE_WORD = re.compile(
    rf"""(?:
      [+-]?\d[\d:./,+-]*(?:st|nd|rd|th|h|am|pm|a\.m\.|p\.m\.)?,? | {_MONTH},?
    | (?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?[.,]?
    | a\.?m\.?|p\.?m\.?|gmt|utc|est|edt|et|bst|cet|eet|msk|ist|local|time|o'clock
    | published:?|updated?:?|modified:?|posted:?|date:?|first|last|on|at|of|by|publication
    | min|mins|minutes?|hours?|days?|ago|read
    | [|•·–—/-]+
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_SEPARATOR = re.compile(r"\s+[/>»›|·•]\s*|\s*[»›|·•]\s+")
_GLUED = re.compile(r"(?<=[a-z]{3})[A-Z][a-z]{2}")
# Words and separators alternate, so there is only one way to match a line, and matching takes linear time.
_BYLINE_WORD = (
    r"(?:[A-Z][\w.'’-]*|[a-z]{1,3}-[A-Z][\w'’-]*|an?|our|and|for|of|de|van|von|bin|in|the|staff|reporters?|"
    r"writers?|correspondents?|agencies)"
)
_BYLINE = re.compile(
    rf"(?:By|BY|Written by|Posted by|Author:|Reporter:)\s+{_BYLINE_WORD}(?:[\s,|/&]+{_BYLINE_WORD})*[\s,|/&]*"
)
_DATELINE = re.compile(
    r"[A-Z][A-Z'’.-]+(?: [A-Z'’.-]+)*(?:[,/] ?[A-Z][\w.]+(?: [A-Z][\w.]+)?)?,?\s*(?:\([^()]{2,30}\)\s*[-–—]*|[-–—]+)"
)
_DESK_NOTE = re.compile(
    r"\(?(?:Additional |With )?(?:reporting|editing|writing|compiled|translated|edited|written) by [A-Z]", re.IGNORECASE
)

# --- archives of news -------------------------------------------------------------------------------------------------

# The fields that LexisNexis, Nexis Uni and others print around an article; capitals or as a title, with a colon.
_ARCHIVE_FIELD = re.compile(
    r"(?:SUBJECT|TERMS|ORGANI[SZ]ATION|COMPANY|PERSON|GEOGRAPHIC|COUNTRY|STATE|CITY|INDUSTRY|SECTION|LENGTH|BYLINE|"
    r"DATELINE|HEADLINE|HIGHLIGHT|GRAPHIC|LOAD-DATE|LANGUAGE|PUBLICATION-TYPE|PUBLICATION|JOURNAL[- ]CODE|TICKER|URL|"
    r"NOTES|CORRECTION-DATE|DOCUMENT-TYPE|DISTRIBUTION|TYPE|SERIES|BODY|COLUMN|EDITION|"
    r"Subject|Organi[sz]ation|Company|Person|Geographic|Industry|Section|Length|Byline|Dateline|Highlight|Graphic|"
    r"Load-Date|Language|Publication-Type|Journal Code|Ticker|Document-Type|URL|"
    r"Publication (?:info|title|year|date|subject)|ProQuest document ID|Document (?:URL|type)|Source type|ISSN|"
    r"Database|(?:Place|Country|Language) of publication|Company / organization|Identifier / keyword|"
    r"Subject (?:Terms|heading)s?|Index Terms|Geographic Terms|Descriptors|Author\(s\)|Author/Byline|Record Number|"
    r"Accession Number|Article ID|ACC-NO|PUB-TYPE|(?:Full Text )?Word [Cc]ount|Readability|Load Date)\s*:(?:\s|$)|"
    # These may begin a sentence too.
    r"(?:Subjects|Key [Ww]ords|Classification|Location|People|Persons|Page|Paper|Publisher|Publication|Record|Memo|"
    r"Illustration|Links)\s*:\s(?=[^!?]*[^.!?]\Z)"
)
_ARCHIVE_LINE = re.compile(
    r"\d+ of \d+ DOCUMENTS|Document \d+ of \d+|ProQuest document link|OpenURL Link|[\d,]{1,9} words|"
    r"Body|Graphic|BODY|Classification|End of Document|Link to (?:Image|PDF)|"
    r"Document [A-Z][A-Z0-9]{2,9}0{2,6}\d{8}\w{4,12}|"
    r"(?:Final|First|Late|Early|National|International|City|Metro) Edition"
)
#: An index term with its weight.
_INDEX_TERM = re.compile(r"[A-Z][A-Z&,/' -]{2,80} \(\d{2}%\)")
# The codes under which Factiva prints an article's fields, each on a line by itself.
_FACTIVA_FIELDS = frozenset(
    ["WC", "PD", "ET", "SN", "SC", "PG", "LA", "CY", "NS", "RE", "PUB", "AN", "CO", "IN", "IPD"]
)
_FACTIVA_CODES = _FACTIVA_FIELDS | {"HD", "BY", "LP", "TD", "CT", "RF", "CLM", "SE", "ED", "CR", "VOL", "ART", "IPC"}
_FACTIVA_CODE = re.compile(r"[A-Z]{2,3}(?=\Z|[ \t]{2,}\S|\t)")
_FEWEST_CODES = 4

# --- datelines --------------------------------------------------------------------------------------------------------

_PLACE = r"(?:[A-Z][A-Z'’.-]+(?: [A-Z'’.-]+){0,3}|[A-Z][\w'’-]+(?: [A-Z][\w'’-]+){0,2})"
_BEGINS_WITH_DATELINE = re.compile(
    rf"(?!FILES? )(?:{_PLACE}(?:[,/] ?[A-Z][\w.'’-]*(?: [A-Z][\w.'’-]*)?){{0,3}})?,? ?"
    rf"(?:(?:\d{{1,2}} )?{_MONTH}(?: \d{{1,2}})?"
    rf"(?:,? \d{{4}})?)?,? ?(?:\([A-Z][\w ./-]{{1,30}}\))?"
    r"(?:(?:[ ,_]{1,2}|(?<=\)))[-–—]{1,2} ?|[–—]{1,2} ?)[A-Z“\"]"
)
#: What follows a city: ``, D.C.``, ``, Lebanon``, ``, May 14``.
_REGION = r"(?:, [A-Z][\w.]{0,20}(?: [A-Z\d][\w.]{0,20})?)?"
_CAPITALS = "A-ZÀ-ÖØ-ÞĀĂĄĆČĎĐĒĘĚĞĪİŁŃŇŌŐŒŘŚŞŠŢŤŪŮŰŹŻŽ"
#: ``PARIS: The regime …``: the place of a report, with a colon where wire services have a dash.
_CITY_COLON = re.compile(
    rf"([{_CAPITALS}][{_CAPITALS}'’.-]+(?: [{_CAPITALS}'’.-]+){{0,3}})(?: ?/ ?[{_CAPITALS}]+)?"
    rf"{_REGION} ?[:|]\s+(?=[A-Z“\"‘'])"
)
#: Cities of correspondents. Without capitals, only its name distinguishes a city from a speaker.
_CITIES = (
    "Abuja|Accra|Aden|Addis Ababa|Aleppo|Algiers|Amman|Ankara|Asmara|Athens|Baghdad|Baku|Bamako|Bangui|Basra|Beijing|"
    "Beirut|Belgrade|Berlin|Bogota|Brussels|Bucharest|Cairo|Caracas|Colombo|Dakar|Damascus|Delhi|New Delhi|Dhaka|Doha|"
    "Donetsk|Dubai|Erbil|Gaza|Gaza City|Geneva|Goma|Grozny|Hama|Hanoi|Harare|Havana|Helsinki|Homs|Idlib|Islamabad|"
    "Istanbul|Jakarta|Jenin|Jerusalem|Juba|Kabul|Kampala|Karachi|Kathmandu|Kharkiv|Khartoum|Kigali|Kinshasa|Kirkuk|"
    "Kramatorsk|Kyiv|Kiev|Lagos|Lahore|Lima|Lisbon|London|Luhansk|Madrid|Manama|Manila|Mariupol|Mexico City|Minsk|"
    "Mogadishu|Moscow|Mosul|Muscat|Nairobi|New York|Nicosia|Odesa|Odessa|Oslo|Ottawa|Paris|Peshawar|Prague|Pristina|"
    "Quetta|Ramallah|Raqqa|Riyadh|Rome|Sanaa|Sana’a|Santiago|Sarajevo|Seoul|Simferopol|Skopje|Sofia|Srinagar|Stockholm|"
    "Sydney|Tallinn|Tbilisi|Tehran|Tel Aviv|The Hague|Tokyo|Tripoli|Tunis|United Nations|Vienna|Vilnius|Warsaw|"
    "Washington|Yangon|Yerevan|Zagreb"
)
_NAMED_CITY_COLON = re.compile(rf"((?:{_CITIES})){_REGION} ?:\s+(?=[A-Z“\"‘'])")
# Words in capitals before a colon that are not places: speakers, agencies, and labels that desks put before a text.
_NO_PLACES = frozenset(
    re.findall(
        r"[\w.]+",
        "SANA TASS WAFA IRNA ISNA AFP AP UPI DPA EFE ANSA NNA INA MENA KUNA PTI ANI APP IANS FARS MEHR "
        "PRESSTV RIA RT BBC CNN UN U.N. UNHCR UNICEF UNRWA NATO OCHA SOHR HRW ICRC EU E.U. IDF IAEA OPCW OSCE "
        "WHO FSA SDF YPG PKK PYD HTS ISIS ISIL IS US U.S. USA UK U.K. PM MP REUTERS XINHUA SPUTNIK AMNESTY "
        "KREMLIN PENTAGON MINISTRY ARMY POLICE OFFICIAL OFFICIALS SOURCE SOURCES REPORT REPORTS STATE "
        "WITNESSES REBELS ACTIVISTS OPPOSITION GOVERNMENT PRESIDENT MINISTER SPOKESMAN Q A ANCHOR HOST "
        "PRESENTER MODERATOR INTERVIEWER REPORTER CORRESPONDENT QUESTION ANSWER UPDATE BREAKING WATCH LIVE "
        "EXCLUSIVE VIDEO PHOTO PHOTOS PICTURES CORRECTION ANALYSIS OPINION NOTE SUMMARY READ MORE RELATED "
        "FACTBOX TIMELINE EXPLAINER COMMENT EDITORIAL INTERVIEW TRANSCRIPT WARNING URGENT DEVELOPING JUST IN",
    )
)
_TURN = re.compile(r"(?:\[[\d:]+\] )?[A-Z][A-Z.,'’ -]{1,60}(?:\([^()]{1,40}\))?:\s")

# --- pictures ---------------------------------------------------------------------------------------------------------

_PICTURE = r"(?:photo|picture|image|photograph|video|screen\s?(?:grab|shot))"
_AGENCY = r"(?:AP|AFP|EPA|REUTERS|Getty|UN|AA|TASS|SANA|Sputnik|Xinhua)"
_CREDIT = re.compile(
    rf"""[(\[]?\s*(?:
      ©|\(c\)\s|&copy;
    | (?:file\ )?(?:{_PICTURE}|credit|courtesy)s?(?:\ (?:credit|courtesy|source|copyright))?\s*(?:by\b|:|/|©|of\b)
    | {_AGENCY}(?:-EFE|\ Images|\ Photo|\ handout)*\s*/\s*\S
    | (?:{_AGENCY}|Getty\ Images|handout|file)\s*[)\]]
    | getty\ images\b | (?:AP|AFP)\ Photo\b
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_CREDIT_AT_END = re.compile(
    rf"""(?:
      [(\[]\s*(?:file\s?:?\ )?(?:{_PICTURE}|©|courtesy)[^()\[\]]{{0,80}}[)\]]
    | [(\[][\w\ .:'’-]{{1,40}}/[\w\ .:/'’-]{{1,60}}[)\]]
    | (?:photo(?:graph)?|picture)(?:\ credit)?\s*(?::|by\b)\s*[^.!?]{{2,60}}
    | {_AGENCY}\ ?(?:photo)?\s?/\s?[\w.\ -]{{2,40}}
    )[.]?$""",
    re.VERBOSE | re.IGNORECASE,
)
_CAPTION_BEGINS = re.compile(
    r"(?:image (?:copyright|caption|source)|hide caption|file (?:photo|picture|image)|\(?FILES?\)? ?[-–—:]|\(FILES\)|"
    r"(?:in )?this (?:\w+ ){0,2}(?:photo|picture|image|handout|frame grab|screengrab)\b|"
    r"(?:handout|file) (?:photo|picture|image)\b|(?:picture|photo|map|screengrab|caption)\s*:)",
    re.IGNORECASE,
)
_FULL_DATE = re.compile(rf"(?:{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d\d|\d{{1,2}} {_MONTH},? (?:19|20)\d\d)")
_POSITION_IN_PICTURE = re.compile(r"\((?:\d?[LRC]|left|right|cent(?:er|re)|front|back)\)|\bpictured\b")
# Captions are in the present tense; news sentences with a full date are in the past tense.
_SEEN = re.compile(
    r"\b(?:(?:is|are) (?:seen|pictured|shown|evacuated|carried)|gestures?|celebrates?|receives?|attends?|flutters?|"
    r"gets?|walks?|stands?|sits?|holds?|waves?|looks?|carry|carries|inspects?|speaks?|poses?|shakes?|rides?|gathers?|"
    r"watch(?:es)?|drives?|flees?|rises?|billows?|arrives?|boards?|waits?|queues?|prays?|mourns?|chants?|patrols?|"
    r"fires?|aims?|runs?|plays?|cross(?:es)?|addresses|greets?|meets?|listens?|cheers?|marches|parades?|rests?|"
    r"searches|search|shows?)\b"
)
_REPORTING = re.compile(r"\b(?:said|says|told|announced|reported|added|according to)\b")
_CAPTION_VERB_WITHIN = 14  # words from the start

# --- comments ---------------------------------------------------------------------------------------------------------

_REPLY = re.compile(
    r"[•·*↩-]?\s*(?:reply|(?:like|share|report|reply|edit|permalink|flag|quote)(?:\s*[|·•,/]?\s*(?:like|share|report|reply|edit|permalink|flag|quote))+)"
    r"(?:\s*\(?\d+\)?)?",
    re.IGNORECASE,
)
_REPLY_TO = re.compile(r"in reply to\b|\((?:show|hide) comment", re.IGNORECASE)
_COMMENTS_BEGIN = re.compile(
    r"(?:\d[\d,]* )?(?:reader )?comments?(?: \(\d+\)|:)?|(?:leave|post|write|add) a (?:reply|comment)\b.{0,40}|"
    r"\d+ (?:responses?|thoughts?|replies|comments?) (?:to|on)\b.{0,200}|"
    r"join the (?:discussion|conversation)|discussion",
    re.IGNORECASE,
)
_SAYS = re.compile(
    r"(?:says|wrote|writes|said|commented)(?: on [^.!?]{3,40})?(?: at [\d:apm. ]{3,10})?:", re.IGNORECASE
)

_ENDS_SENTENCE = re.compile(r"[.!?…:;][\"'”’»)\]]*$")
_ENDS_WITH_STOP = re.compile(r"[.…;:,][\"'”’»)\]]*$")
_BULLET = re.compile(r"(?:[*•·▪‣–—-]|\(?\d{1,3}[.)])\s+\S")
_MARKDOWN_HEADING = re.compile(r"#{1,6}\s+\S")
_CAPITALISED = re.compile(r"[\"'“‘(\[]?[A-Z0-9]")
_SMALL_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and as at but by for from in into is its no nor not of off on onto or over than that the to up via with",
    )
)


def classify(lines: Sequence[str], after_gap: Sequence[bool]) -> list[LineKind]:
    """Tell what each line of a page is.

    Args:
        lines: the lines (or joined paragraphs) of one document, without surrounding white space, none of them empty.
        after_gap: for each line, whether a blank line stands before it.

    Returns:
        One entry per line.
    """
    return _Page(lines, after_gap).kinds


def is_credit(text: str) -> bool:
    """Whether a text begins like the credit of a picture: ``(Photo by …``, ``© REUTERS/ …``."""
    return bool(_CREDIT.match(text))


_FEWEST_ITEM_WORDS = 5
#: A title with fewer words must stand on a line of its own, since a sentence may begin with the same words.
_FEWEST_TITLE_WORDS = 4


def title_length(text: str, title: str) -> int:
    """Length of the title at the beginning of a text, in code points, with white space before it; 0 if it is not there.

    White space and case may differ.
    """
    at, words = 0, title.split()
    for word in words:
        while text[at : at + 1].isspace():
            at += 1
        if text[at : at + len(word)].casefold() != word.casefold():
            return 0
        at += len(word)
    following = text[at : at + 40].lstrip(" \t.")
    if text[at : at + 1].isalnum() or (len(words) < _FEWEST_TITLE_WORDS and following[:1].strip()):
        return 0
    return at


def dateline_length(paragraph: str, others: Sequence[str]) -> int:
    """Length, in code points, of a dateline such as ``PARIS:`` at the beginning of a report; 0 if there is none.

    Args:
        paragraph: the first paragraph of running text on the page.
        others: the lines after it. If some begin with a name and a colon, the text is a conversation, and the name
            before the colon a speaker.
    """
    match = _CITY_COLON.match(paragraph) or _NAMED_CITY_COLON.match(paragraph)
    if match is None or not _NO_PLACES.isdisjoint(match[1].split()) or not _ENDS_SENTENCE.search(paragraph):
        return 0
    return 0 if any(map(_TURN.match, others)) else len(match[0].rstrip())


def kind_of_sentence(sentence: str) -> LineKind | None:
    """The kind of a sentence if it differs from its paragraph's: debris for a desk's note under a report."""
    return BOILERPLATE if _DESK_NOTE.match(sentence) else None


class _Page:
    """The lines of one page, and what the rules have found out about them so far.

    The rules run from the most to the least reliable.
    """

    def __init__(self, lines: Sequence[str], after_gap: Sequence[bool]) -> None:
        self.lines = lines
        self.after_gap = after_gap
        self.kinds: list[LineKind] = [_UNKNOWN] * len(lines)
        self._replies = [number for number, line in enumerate(lines) if len(line) < 60 and _REPLY.fullmatch(line)]
        self._mark_debris()
        self._mark_comments()
        self._mark_pictures()
        self._mark_items()
        self._mark_footer()
        self._mark_headlines()

    def _unknown(self) -> list[int]:
        return [number for number, kind in enumerate(self.kinds) if kind is _UNKNOWN]

    def _mark_debris(self) -> None:
        codes = {
            number: match[0]
            for number, line in enumerate(self.lines)
            if (match := _FACTIVA_CODE.match(line)) and match[0] in _FACTIVA_CODES
        }
        for number, line in enumerate(self.lines):
            if _is_debris(line):
                self.kinds[number] = BOILERPLATE
        if len(codes) >= _FEWEST_CODES:
            for number, code in codes.items():
                on_its_own_line = self.lines[number] == code
                if on_its_own_line or code in _FACTIVA_FIELDS:
                    self.kinds[number] = BOILERPLATE
                if on_its_own_line and code in _FACTIVA_FIELDS and number + 1 < len(self.lines):
                    self.kinds[number + 1] = BOILERPLATE

    # The heading or the "Reply" buttons show a comment section; every line in it is comment or debris.
    def _mark_comments(self) -> None:
        begin = self._comments_begin()
        if begin is None:
            return
        begins_comment = True
        for number in range(begin, len(self.lines)):
            line = self.lines[number]
            if _REPLY.fullmatch(line) or _REPLY_TO.search(line[:_LONGEST_DEBRIS]):
                # After a button comes a name; after "Anna in reply to Ben" comes the comment itself.
                begins_comment = bool(_REPLY.fullmatch(line))
                self.kinds[number] = BOILERPLATE
            elif self.kinds[number] is BOILERPLATE:
                continue
            elif (_SAYS.search(line[:_LONGEST_DEBRIS]) and len(line.split()) <= 8) or (
                begins_comment and self._is_name_before_comment(number)
            ):
                self.kinds[number] = BOILERPLATE
                begins_comment = False
            else:
                self.kinds[number] = _COMMENT
                begins_comment = not self._replies

    def _comments_begin(self) -> int | None:
        from_buttons = self._first_comment(self._replies[0]) if self._replies else None
        prose = 0
        for number, line in enumerate(self.lines[:from_buttons]):
            # A counter of comments above the article is not the heading, so prose must come first.
            if prose >= 2 and len(line) < 250 and _COMMENTS_BEGIN.fullmatch(line):
                return number
            prose += _is_prose(line) and self.kinds[number] is _UNKNOWN
        return from_buttons

    def _first_comment(self, reply: int) -> int:
        """The first line of the comment that a "Reply" button belongs to: the writer's name, or the comment itself."""
        number = reply
        while number and self.kinds[number - 1] is _UNKNOWN:
            number -= 1
            if _is_name(self.lines[number]) or (self.after_gap[number] and not _is_name(self.lines[number - 1])):
                break
        return number

    def _is_name_before_comment(self, number: int) -> bool:
        if not _is_name(self.lines[number]):
            return False
        return number + 1 == len(self.lines) or not _REPLY.fullmatch(self.lines[number + 1])

    def _mark_pictures(self) -> None:
        for number in self._unknown():
            line = self.lines[number]
            if _is_credit_line(line):
                self.kinds[number] = BOILERPLATE
            elif _is_caption(line) or self._has_credit_below(number):
                self.kinds[number] = _CAPTION

    def _has_credit_below(self, number: int) -> bool:
        below = number + 1
        return (
            below < len(self.lines)
            and not self.after_gap[below]
            and _is_credit_line(self.lines[below])
            and len(self.lines[number].split()) <= _LONGEST_CAPTION_WORDS
        )

    def _mark_items(self) -> None:
        # The training data of the model has few list items and few long datelines, so the rules decide.
        for number in self._unknown():
            line = self.lines[number]
            if _is_item(line) or (_BEGINS_WITH_DATELINE.match(line) and _ENDS_SENTENCE.search(line)):
                self.kinds[number] = _BODY

    # Below the last line of prose, everything after the first debris is debris too.
    def _mark_footer(self) -> None:
        prose = [number for number in self._unknown() if _is_prose(self.lines[number])]
        if not prose:
            return
        seen_debris = False
        for number in range(prose[-1] + 1, len(self.lines)):
            is_debris = self.kinds[number] is BOILERPLATE and not _SIGNATURE.match(self.lines[number])
            seen_debris = seen_debris or is_debris
            if seen_debris and self.kinds[number] is _UNKNOWN:
                self.kinds[number] = BOILERPLATE

    def _mark_headlines(self) -> None:
        unknown = self._unknown()
        prose = [number for number in unknown if _is_prose(self.lines[number])]
        if not unknown or not prose:
            return
        title = self._mark_title(unknown[0], last_prose=prose[-1])
        text = [number for number, kind in enumerate(self.kinds) if kind is not BOILERPLATE]
        below = dict(itertools.pairwise(text))
        for number in unknown:
            line = self.lines[number]
            if _MARKDOWN_HEADING.match(line) or (title and _folded(line) == title):
                self.kinds[number] = _HEADLINE
            elif self.kinds[number] is _UNKNOWN and _looks_like_heading(line):
                self.kinds[number] = self._heading_kind(number, below.get(number))

    def _mark_title(self, number: int, *, last_prose: int) -> str | None:
        """Mark the page's headline, its first unknown line; returns it, folded, so that its repetitions are found."""
        line = self.lines[number]
        if number >= last_prose or len(line.split()) > _LONGEST_HEADLINE_WORDS or _ENDS_WITH_STOP.search(line):
            return None
        self.kinds[number] = _LIKELY_HEADLINE if _ENDS_SENTENCE.search(line) else _HEADLINE
        return _folded(line)

    def _heading_kind(self, number: int, following: int | None) -> LineKind:
        """The kind of a line that looks like a heading; certain if blank lines or Title Case set it off from the prose.

        Args:
            number: the number of the line.
            following: the number of the next line that is not debris; ``None`` if there is none.
        """
        line = self.lines[number]
        words = len(line.split())
        if following is None or self.kinds[following].kind is Kind.COMMENT:
            return _LIKELY_HEADLINE if is_title_case(line) else _UNKNOWN
        if is_title_case(line):
            return _HEADLINE
        if words < 2 or words > _LONGEST_SUBHEADING_WORDS or not _is_prose(self.lines[following]):
            return _UNKNOWN
        set_off = self.after_gap[number] and self.after_gap[number + 1]
        return _HEADLINE if set_off and words >= 3 else _LIKELY_HEADLINE


def _is_item(line: str) -> bool:
    """Whether a line is an item of a list with text in it, not an entry of a menu."""
    return bool(_BULLET.match(line)) and len(line.split()) >= _FEWEST_ITEM_WORDS and not is_title_case(line)


def _is_debris(line: str) -> bool:
    if _MACHINE_TEXT.match(line[:_LONGEST_DEBRIS]) or _ARCHIVE_FIELD.match(line):
        return True
    if len(_INDEX_TERM.findall(line[: 4 * _LONGEST_DEBRIS])) >= 2 or _ARCHIVE_LINE.fullmatch(line):
        return True
    if len(line) > _LONGEST_DEBRIS:
        return False
    if not any(map(str.isalnum, line)):
        return True
    return bool(
        _ADDRESS.fullmatch(line)
        or _BUTTONS.fullmatch(line)
        or _NOTICES.match(line)
        or _SIGNATURE.match(line)
        or _NOTICE_INSIDE.search(line)
        or _BYLINE.fullmatch(line)
        or _DATELINE.fullmatch(line)
        or _DESK_NOTE.match(line)
        or _is_time_stamp(line)
        or _is_menu(line)
        or _is_tag_list(line)
    )


def _is_time_stamp(line: str) -> bool:
    words = line.split()
    return any(c.isdigit() for c in line) and len(words) <= 16 and all(_DATE_WORD.fullmatch(w) for w in words)


def _is_menu(line: str) -> bool:
    """Whether a line is a menu: ``News / Syria``, ``Home | World | Opinion``, or entries glued together."""
    if _ENDS_SENTENCE.search(line):
        return False
    entries = [entry.split() for entry in _SEPARATOR.split(line)]
    if len(entries) >= 2 and all(len(words) <= (3 if len(entries) == 2 else 5) for words in entries):
        return True
    return len(_GLUED.findall(line)) >= 2 and len(line.split()) <= 15


def _is_tag_list(line: str) -> bool:
    """Whether a line is four or more names with commas between them."""
    entries = [entry.split() for entry in line.split(",")]
    if len(entries) < 4 or _ENDS_SENTENCE.search(line):
        return False
    named = sum(bool(words) and bool(_CAPITALISED.match(words[0])) for words in entries)
    return all(1 <= len(words) <= 3 and "and" not in words for words in entries) and named >= 0.75 * len(entries)


def _is_credit_line(line: str) -> bool:
    return len(line) <= 120 and bool(_CREDIT.match(line)) and len(line.split()) <= 14


def _is_caption(line: str) -> bool:
    words = line.split()
    if len(words) > _LONGEST_CAPTION_WORDS or _BEGINS_WITH_DATELINE.match(line):
        return False
    if _CREDIT_AT_END.search(line, max(0, len(line) - 140)) or _CAPTION_BEGINS.match(line):
        return True
    date = _FULL_DATE.search(line)
    reporting = _REPORTING.search(line)
    # "… on May 3, 2016, after the army said …" is a caption, "… holds the town, the army said on May 3, 2016" is not.
    if not date or (reporting and reporting.start() < date.start()):
        return False
    opening = " ".join(words[:_CAPTION_VERB_WITHIN])
    return bool(_SEEN.search(opening) or _POSITION_IN_PICTURE.search(line))


def _is_prose(line: str) -> bool:
    """Whether a line is running text: it ends like a sentence, or it is too long for anything else."""
    words = len(line[: 20 * _LONGEST_HEADLINE_WORDS].split())
    return words > _PROSE_WORDS or (words >= 5 and bool(_ENDS_SENTENCE.search(line, max(0, len(line) - 8))))


def _is_name(line: str) -> bool:
    return len(line) <= 40 and len(line.split()) <= 5 and line[0] not in "#" and not _ENDS_SENTENCE.search(line)


def _looks_like_heading(line: str) -> bool:
    words = line.split(maxsplit=_LONGEST_HEADLINE_WORDS + 1)
    if len(words) > _LONGEST_HEADLINE_WORDS or _ENDS_SENTENCE.search(line) or line[-1] in ",-–—":
        return False
    return not line[0].islower() and not _REPORTING.search(words[-1]) and not _BULLET.match(line)


def is_title_case(line: str, *, fewest: int = 4, share: float = 0.8) -> bool:
    """Whether a line has four or more words, and nearly all except the small ones are capitalised.

    Args:
        line: the line.
        fewest: the least number of words, without the small ones.
        share: the least share of them that begin with a capital.
    """
    words = [word for word in line.split() if word.lower() not in _SMALL_WORDS and any(map(str.isalnum, word))]
    return len(words) >= fewest and sum(bool(_CAPITALISED.match(word)) for word in words) >= share * len(words)


def _folded(line: str) -> str:
    return " ".join(line.casefold().split())
