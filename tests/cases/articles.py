# ruff: noqa: E501
"""Four articles, each a title and its paragraphs."""

A1 = (
    "Army retakes Harun district after week of fighting",
    [
        "HARUN, Northland (NW) - Government troops recaptured a district of the northern city on Monday after a week of heavy shelling that opposition activists said had killed dozens of people, including women and children.",
        "The state news agency said army units had cleared the area of terrorists and that engineers were dismantling mines and explosive devices planted in the streets. It said a large number of militants were killed.",
        '"We will not rest until every inch of the country is liberated," Gen. Khalid Darwish told reporters at the scene, adding that the terrorists had used civilians as human shields. His claim could not be independently verified.',
        "A rebel commander who goes by the name of Abu Salem denied that his men had fled. He said they had withdrawn in good order to positions south of the Zor River and would return.",
        "The United Nations says more than 40,000 people have been displaced since the offensive began on Oct. 3. The U.N. envoy, Maria Lindt, called on both sides to agree to a truce.",
        "Washington and its allies accuse the regime of using barrel bombs against hospitals and schools. The government in Harun denies this.",
        '"Nobody is left in our street," said Umm Ali, a mother of five who reached the border on Sunday. "They bombed the bakery. They bombed the school."',
        "The war, now in its sixth year, has killed at least 250,000 people.",
    ],
)
A2 = (
    "Rebels seize border crossing, foreign ministry says",
    [
        "Rebels said on Tuesday they had taken control of the border crossing from government forces.",
        "A spokesman for the opposition said the town had been bombed by the Northland Air Force for two days and that the regime was targeting schools.",
        "Officials did not comment. State TV aired footage of the President visiting wounded soldiers.",
        "President Omar Haddad, whose family has ruled the country for four decades, has described all of those who took up arms against him as terrorists backed by foreign powers.",
        "In Brussels, European Union foreign ministers condemned the attack. They agreed to widen sanctions on Northland officials said to be responsible for the killing of protesters.",
    ],
)
A3 = (
    "Monitoring group: dozens dead in strike on market",
    [
        "At least 34 people were killed and more than 100 wounded when warplanes struck a crowded market in the rebel-held town of Maraq on Saturday, according to the Northland Observatory, a monitoring group based in London.",
        "Local officials and aid workers said the death toll was likely to rise because many of those wounded were in critical condition and the only hospital in the town had run out of blood, fuel and medicine.",
        'The army said it had targeted a gathering of militants and a weapons depot. "There were no civilians there," a military source told the state agency SANA. "The target was hit with precision."',
        "Mr. Haddad's government has repeatedly denied that it bombs markets. Human Rights Watch and Amnesty International have documented at least 20 such strikes since January.",
        "Residents said that the jets came back an hour later, as rescuers were pulling bodies from the rubble, and struck again in what one of them called a massacre.",
    ],
)
A4 = (
    "Haddad vows victory",
    [
        "He spoke for an hour.",
        "The President said that the nation would prevail and that the day of victory was near. He thanked the army, the people and the allies who had stood with Northland in its war on terror.",
        '"The martyrs did not die in vain," he said.',
        "Opposition leaders abroad dismissed the speech as propaganda and said that a regime which bombs its own cities could not speak of victory, still less of peace or of unity.",
    ],
)
ARTICLES = [A1, A2, A3, A4]
