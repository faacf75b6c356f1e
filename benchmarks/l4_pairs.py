"""Sources, and rewrites that say the same in other words, in four languages; all written for this purpose.

Each entry: the source, its names, and faithful rewrites. They were written before the checker was run on them.
"""

# ruff: noqa: E501, RUF001

from __future__ import annotations

PAIRS: dict[str, list[tuple[str, tuple[str, ...], tuple[str, ...]]]] = {
    "en": [
        (
            "The Merrow Bridge was opened in 1932 and is 1,149 metres long. Its architect, Helen Strand, had studied in "
            "Glasgow. The bridge carries about 160,000 vehicles on an average day, and it was never closed for more than "
            "12 hours.",
            ("Merrow", "Strand", "Glasgow"),
            (
                "Opened in 1932, the Merrow Bridge has a length of 1149 metres. It was designed by Helen Strand, who had "
                "been a student in Glasgow.",
                "On an average day some 160 thousand vehicles cross the bridge. It was never closed for longer than twelve "
                "hours.",
                "Question: Who designed the Merrow Bridge?\nAnswer: Its architect was Helen Strand, who studied in Glasgow.",
                "Helen Strand, the architect, studied in Glasgow before the Merrow Bridge was opened in 1932.",
            ),
        ),
        (
            "In 2019 the council of Port Larne spent 3.4 million dollars on new buses. Only 8 of the 42 buses run on "
            "diesel. The mayor, Tom Okafor, said that the town would not raise its fares. Passengers paid 2.5 dollars for "
            "a ticket of 30 km.",
            ("Port Larne", "Okafor"),
            (
                "Port Larne's council bought new buses for $3.4 million in 2019. Of the 42 buses only eight use diesel.",
                "Mayor Tom Okafor said the fares of the town would not be raised.",
                "A ticket for 30 km cost the passengers 2.50 dollars.",
                "The council spent 3,400,000 dollars on new buses in 2019, and 8 of the 42 buses run on diesel.",
            ),
        ),
        (
            "The winter of 1947 was unusually cold in Norwood. On 24 February the thermometer showed -21 degrees, and the "
            "river Tane was frozen for 57 days. Coal became scarce, and schools were closed for three weeks. The harvest "
            "of that year fell by 15 percent.",
            ("Norwood", "Tane"),
            (
                "Norwood had an unusually cold winter in 1947. The river Tane stayed frozen for 57 days.",
                "The thermometer showed minus 21 degrees on 24 February.",
                "Coal was scarce and the schools stayed closed for 3 weeks, while the harvest fell by 15%.",
                "That year the harvest fell by 15 percent, after the river had been frozen for 57 days.",
            ),
        ),
        (
            "Adult river otters weigh between 5 and 14 kg and can dive for 8 minutes. They do not build dams. Researchers "
            "of the University of Calder counted 312 otters in 2021, more than in 2011. Otters eat mainly fish, and they "
            "sleep in dens along the bank.",
            ("Calder",),
            (
                "An adult river otter weighs 5 to 14 kg and is able to dive for eight minutes.",
                "River otters do not build dams. They eat mostly fish and sleep in dens along the bank.",
                "The University of Calder's researchers counted 312 otters in 2021.",
                "In 2021 researchers counted more otters than in 2011: 312 of them.",
            ),
        ),
    ],
    "de": [
        (
            "Die Talbrücke bei Ehrenau wurde 1932 eröffnet und ist 1.149 Meter lang. Die Architektin Helene Strand hatte in "
            "Graz studiert. Täglich fahren etwa 160.000 Fahrzeuge über die Brücke, und sie war nie länger als 12 Stunden "
            "gesperrt.",
            ("Ehrenau", "Strand", "Graz"),
            (
                "Die 1932 eröffnete Talbrücke bei Ehrenau hat eine Länge von 1149 Metern.",
                "Helene Strand, die Architektin der Brücke, hatte in Graz studiert.",
                "Jeden Tag fahren rund 160 000 Fahrzeuge über die Brücke. Länger als zwölf Stunden war sie nie gesperrt.",
                "Frage: Wo hatte die Architektin studiert?\nAntwort: Helene Strand hatte in Graz studiert.",
            ),
        ),
        (
            "Im Jahr 2019 gab die Stadt Lohrbach 3,4 Millionen Euro für neue Busse aus. Nur 8 der 42 Busse fahren mit "
            "Diesel. Die Bürgermeisterin Anna Okoro sagte, die Fahrpreise würden nicht erhöht. Eine Fahrt von 30 km kostet "
            "2,5 Euro.",
            ("Lohrbach", "Okoro"),
            (
                "Die Stadt Lohrbach gab 2019 für neue Busse 3,4 Mio. Euro aus.",
                "Von den 42 Bussen fahren nur acht mit Diesel.",
                "Bürgermeisterin Anna Okoro sagte, dass die Fahrpreise nicht erhöht würden.",
                "Für eine Fahrt von 30 km zahlt man 2,50 Euro.",
            ),
        ),
        (
            "Der Winter 1947 war in Norden ungewöhnlich kalt. Am 24. Februar zeigte das Thermometer -21 Grad, und der "
            "Fluss Ems war 57 Tage lang gefroren. Kohle wurde knapp, und die Schulen blieben drei Wochen geschlossen. Die "
            "Ernte sank in jenem Jahr um 15 Prozent.",
            ("Norden", "Ems"),
            (
                "Ungewöhnlich kalt war der Winter 1947 in Norden; 57 Tage lang war der Fluss Ems gefroren.",
                "Am 24. Februar zeigte das Thermometer minus 21 Grad.",
                "Die Kohle war knapp, und 3 Wochen lang blieben die Schulen geschlossen.",
                "In jenem Jahr sank die Ernte um 15 %.",
            ),
        ),
        (
            "Erwachsene Fischotter wiegen zwischen 5 und 14 kg und können 8 Minuten tauchen. Sie bauen keine Dämme. Forscher "
            "der Universität Kassel zählten 2021 insgesamt 312 Otter, mehr als 2011. Otter fressen vor allem Fisch und "
            "schlafen in Höhlen am Ufer.",
            ("Kassel",),
            (
                "Ein erwachsener Fischotter wiegt 5 bis 14 kg und kann acht Minuten lang tauchen.",
                "Fischotter bauen keine Dämme. Sie schlafen in Höhlen am Ufer und fressen vor allem Fisch.",
                "Im Jahr 2021 zählten Forscher der Universität Kassel 312 Otter.",
                "2021 wurden mehr Otter gezählt als 2011, nämlich 312.",
            ),
        ),
    ],
    "fr": [
        (
            "Le pont de Valmorel a été ouvert en 1932 et mesure 1 149 mètres. Son architecte, Hélène Strand, avait étudié à "
            "Lyon. Environ 160 000 véhicules le traversent chaque jour, et il n'a jamais été fermé plus de 12 heures.",
            ("Valmorel", "Strand", "Lyon"),
            (
                "Ouvert en 1932, le pont de Valmorel mesure 1149 mètres.",
                "L'architecte Hélène Strand avait étudié à Lyon.",
                "Chaque jour, environ 160 mille véhicules traversent le pont. Il n'a jamais été fermé plus de douze heures.",
                "Question : Qui est l'architecte du pont ?\nRéponse : L'architecte du pont de Valmorel est Hélène Strand.",
            ),
        ),
        (
            "En 2019, la ville de Portbail a dépensé 3,4 millions d'euros pour de nouveaux bus. Seuls 8 des 42 bus roulent "
            "au diesel. Le maire, Thomas Okafor, a dit que les tarifs ne seraient pas augmentés. Un trajet de 30 km coûte "
            "2,5 euros.",
            ("Portbail", "Okafor"),
            (
                "La ville de Portbail a dépensé 3,4 millions d'euros en 2019 pour de nouveaux bus.",
                "Sur les 42 bus, seuls huit roulent au diesel.",
                "Selon le maire Thomas Okafor, les tarifs ne seraient pas augmentés.",
                "Pour un trajet de 30 km, on paie 2,50 euros.",
            ),
        ),
        (
            "L'hiver 1947 fut très froid à Norville. Le 24 février, le thermomètre indiquait -21 degrés, et la rivière Orne "
            "est restée gelée 57 jours. Le charbon manquait, et les écoles ont fermé pendant trois semaines. La récolte a "
            "diminué de 15 % cette année.",
            ("Norville", "Orne"),
            (
                "À Norville, l'hiver 1947 fut très froid : la rivière Orne est restée gelée pendant 57 jours.",
                "Le thermomètre indiquait moins 21 degrés le 24 février.",
                "Les écoles ont fermé pendant 3 semaines parce que le charbon manquait.",
                "Cette année, la récolte a diminué de 15 pour cent.",
            ),
        ),
        (
            "Les loutres adultes pèsent entre 5 et 14 kg et peuvent plonger 8 minutes. Elles ne construisent pas de barrages. "
            "Des chercheurs de l'université de Caen ont compté 312 loutres en 2021. Les loutres mangent surtout du poisson "
            "et dorment dans des terriers.",
            ("Caen",),
            (
                "Une loutre adulte pèse de 5 à 14 kg et peut plonger huit minutes.",
                "Les loutres ne construisent pas de barrages ; elles mangent surtout du poisson.",
                "En 2021, des chercheurs de l'université de Caen ont compté 312 loutres.",
                "Les loutres dorment dans des terriers et mangent surtout du poisson.",
            ),
        ),
    ],
    "zh": [
        (
            "云岭大桥于1932年通车，全长1149米。设计师林海清教授曾在广州市学习。每天大约有16万辆汽车通过大桥，大桥从未关闭超过12小时。",
            ("林海清教授", "广州市"),
            (
                "全长1149米的云岭大桥于1932年通车。",
                "林海清教授是大桥的设计师，曾在广州市学习。",
                "每天约有160000辆汽车通过大桥。大桥从未关闭超过十二小时。",
                "问题：谁设计了大桥？\n答案：设计师是林海清教授。",
            ),
        ),
        (
            "2019年，洛河市花费340万美元购买新的公共汽车。42辆汽车中只有8辆使用柴油。王志明市长说，票价不会提高。30公里的车票需要2.5美元。",
            ("洛河市", "王志明市长"),
            (
                "洛河市在2019年花费三百四十万美元购买新的公共汽车。",
                "在42辆汽车中，只有八辆使用柴油。",
                "王志明市长说票价不会提高。",
                "30公里的车票需要2.50美元。",
            ),
        ),
        (
            "1947年的冬天在北原县特别寒冷。2月24日，温度计显示零下21度，塔河结冰57天。煤炭变得稀缺，学校关闭了三个星期。当年的收成下降了15%。",
            ("北原县", "塔河"),
            (
                "1947年冬天，北原县特别寒冷，塔河结冰57天。",
                "2月24日温度计显示-21度。",
                "因为煤炭稀缺，学校关闭了3个星期。",
                "当年收成下降了百分之十五。",
            ),
        ),
        (
            "成年水獭的体重在5公斤到14公斤之间，可以潜水8分钟。它们不建造水坝。2021年，云南大学的研究人员统计到312只水獭。水獭主要吃鱼，睡在岸边的洞穴里。",
            ("云南大学",),
            (
                "成年水獭体重5公斤到14公斤，可以潜水八分钟。",
                "水獭不建造水坝，主要吃鱼。",
                "云南大学的研究人员在2021年统计到312只水獭。",
                "水獭睡在岸边的洞穴里，主要吃鱼。",
            ),
        ),
    ],
}
STRANGERS = {
    "en": ("Harrowgate", "Delmont", "Kessler", "Marwick"),
    "de": ("Delmont", "Kessler", "Wiesbach", "Ostrava"),
    "fr": ("Delmont", "Kessler", "Marwick", "Bellecour"),
    "zh": {
        "市": "青川市",
        "省": "海东省",
        "县": "平山县",
        "河": "柳河",
        "大学": "东山大学",
        "教授": "陈国安教授",
        "市长": "赵立文市长",
    },
}
