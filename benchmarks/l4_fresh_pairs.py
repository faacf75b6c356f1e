"""Pairs that the checker `faithfulness` was not mended on: rewrites by hand of sources in four languages.

Each entry: source, a faithful rewrite, a rewrite with one defect, and what kind of defect it is. Each set was written and
committed before the checker was run on it. FRESH then showed 24 of 30 wrong ones caught and 7 of 30 right ones failed; the
rules were mended by what it showed, so it is fresh no more, and SECOND was written afterwards. Once rules are changed
after looking at what fails there, write others.

    python -m benchmarks.l4_fresh_pairs
"""

# ruff: noqa: E501, RUF001

from __future__ import annotations

from collections import Counter

from pipeline.books.interval import rounded
from stages.l4_verify.faithfulness import Faithfulness

FRESH: dict[str, list[tuple[str, str, str, str]]] = {
    "en": [
        (
            "The lighthouse on Skerry Point was lit for the first time on 4 October 1871. It stands 38 metres high, and its beam can be seen from 31 kilometres away. Keepers lived there until 1988.",
            "First lit on 4 October 1871, the Skerry Point lighthouse is 38 metres tall. Its beam is visible from a distance of 31 km.",
            "First lit on 4 October 1871, the Skerry Point lighthouse is 38 metres tall. Its beam is visible from a distance of 31 miles.",
            "unit",
        ),
        (
            "Vitamin C is destroyed by heat, so boiled cabbage holds about 40 percent less of it than raw cabbage. Steaming for 5 minutes keeps most of the vitamin.",
            "Because heat destroys vitamin C, boiling leaves cabbage with roughly 40% less than it has raw. If it is steamed for five minutes, most of the vitamin is kept.",
            "Because heat destroys vitamin C, boiling leaves cabbage with roughly 40% more than it has raw. If it is steamed for five minutes, most of the vitamin is kept.",
            "comparison",
        ),
        (
            "Maria Kovacs founded the choir in 2003 with eleven singers. Today it has 64 members and rehearses every Tuesday in the hall of St Anne's. It has never taken part in a competition.",
            "The choir was founded by Maria Kovacs in 2003. It started with 11 singers and has 64 members now; they rehearse on Tuesdays in St Anne's hall.",
            "The choir was founded by Maria Kovacs in 2003. It started with 11 singers and has 64 members now, and it has taken part in a competition.",
            "negation",
        ),
        (
            "A litre of sea water holds about 35 grams of salt. In the Dead Sea it is nearly ten times as much, 340 grams, which is why swimmers float so easily there.",
            "Sea water contains around 35 g of salt per litre, whereas the Dead Sea has 340 g, almost ten times as much. That is why swimmers float there easily.",
            "Sea water contains around 35 g of salt per litre, whereas the Dead Sea has 34 g. That is why swimmers float there easily.",
            "number",
        ),
        (
            "The museum in Tarbert reopened on 12 May after repairs to its roof. Entry costs 6 pounds for adults and nothing for children under 14. Its oldest piece is a boat from about 900 BC.",
            "After its roof had been repaired, Tarbert's museum opened again on 12 May. Adults pay £6, and children under 14 pay nothing.",
            "After its roof had been repaired, Tarbert's museum opened again on 12 March. Adults pay £6, and children under 14 pay nothing.",
            "date",
        ),
        (
            "Bees tell each other where flowers are by dancing. The angle of the dance shows the direction against the sun, and its length shows the distance. Karl von Frisch described this in the 1940s.",
            "Question: How do bees show each other the distance of flowers?\nAnswer: By the length of their dance. Karl von Frisch described it in the 1940s.",
            "Question: How do bees show each other the distance of flowers?\nAnswer: By the length of their dance. Konrad Lorenz described it in the 1940s.",
            "name",
        ),
        (
            'The bakery sells 250 loaves a day. Rye costs 3.80 euros and wheat 2.90. The owner, Anton Reiter, said: "We bake at night so that people have warm bread."',
            'Each day the bakery sells 250 loaves: rye for 3.80 euros, wheat for 2.90. "We bake at night so that people have warm bread," its owner Anton Reiter said.',
            'Each day the bakery sells 250 loaves: rye for 3.80 euros, wheat for 2.90. "We bake at night because people want cheap bread," its owner Anton Reiter said.',
            "quotation",
        ),
        (
            "In 2015 the county planted 12,000 oaks along the canal. A third of them died in the dry summer of 2018. Since then volunteers have watered the young trees twice a week.",
            "The county planted 12 000 oaks along the canal in 2015, a third of which died in the dry summer of 2018. Volunteers have since watered the young trees two times a week.",
            "The county planted 12 000 oaks along the canal in 2015, a third of which died in the dry summer of 2018. The timber was later sold to a furniture factory abroad.",
            "foreign claim",
        ),
    ],
    "de": [
        (
            "Die Bibliothek von Altenried besitzt 48.500 Bücher. Im Jahr 2022 wurden 1,2 Millionen Ausleihen gezählt, ein Fünftel davon digital. Sonntags ist sie geschlossen.",
            "Altenrieds Bibliothek hat 48 500 Bücher. 2022 zählte man dort 1,2 Mio. Ausleihen. Am Sonntag bleibt sie geschlossen.",
            "Altenrieds Bibliothek hat 48 500 Bücher. 2022 zählte man dort 1,2 Mrd. Ausleihen. Am Sonntag bleibt sie geschlossen.",
            "number",
        ),
        (
            "Der Tunnel unter dem Kehrberg ist 3,4 Kilometer lang und wurde am 17. September 1998 eröffnet. Lastwagen dürfen ihn nicht benutzen. Die Planung leitete Ingrid Solbach.",
            "Am 17. September 1998 wurde der 3,4 km lange Tunnel unter dem Kehrberg eröffnet. Für Lastwagen ist er nicht zugelassen.",
            "Am 17. September 1998 wurde der 3,4 km lange Tunnel unter dem Kehrberg eröffnet. Lastwagen dürfen ihn benutzen.",
            "negation",
        ),
        (
            "Hefeteig braucht Wärme: Bei 30 Grad geht er in etwa 45 Minuten auf, im Kühlschrank erst in zwölf Stunden. Salz bremst die Hefe, Zucker fördert sie.",
            "Bei 30 Grad ist ein Hefeteig nach ungefähr 45 Minuten aufgegangen, im Kühlschrank dauert es 12 Stunden. Zucker fördert die Hefe, Salz bremst sie.",
            "Bei 30 Grad ist ein Hefeteig nach ungefähr 45 Stunden aufgegangen, im Kühlschrank dauert es 12 Stunden. Zucker fördert die Hefe, Salz bremst sie.",
            "unit",
        ),
        (
            "Die Malerin Berta Lindow wurde 1861 in Stralen geboren. Sie malte mehr als zweihundert Bilder, von denen 37 erhalten sind. Ihr Haus ist heute ein Museum.",
            "1861 kam die Malerin Berta Lindow in Stralen zur Welt. Von ihren über 200 Bildern sind 37 erhalten, und ihr Haus ist heute ein Museum.",
            "1861 kam die Malerin Berta Lindow in Weimar zur Welt. Von ihren über 200 Bildern sind 37 erhalten, und ihr Haus ist heute ein Museum.",
            "name",
        ),
        (
            "Im Werk Nord stieg die Produktion 2021 um 7 Prozent auf 5.600 Fahrräder. Im Werk Süd fiel sie im selben Jahr um 3 Prozent.",
            "2021 wurden im Werk Nord 5600 Fahrräder hergestellt, 7 % mehr als zuvor. Im Werk Süd ging die Produktion um 3 % zurück.",
            "2021 wurden im Werk Nord 5600 Fahrräder hergestellt. Die Produktion im Werk Nord fiel um 7 %.",
            "comparison",
        ),
        (
            "Der Verein zählt 130 Mitglieder. Er trifft sich seit dem 3. März 2010 jeden ersten Freitag im Gasthaus Krone. Der Beitrag beträgt 24 Euro im Jahr.",
            "Seit dem 3. März 2010 kommen die 130 Mitglieder des Vereins an jedem ersten Freitag im Gasthaus Krone zusammen. Sie zahlen einen Jahresbeitrag von 24 Euro.",
            "Seit dem 3. Mai 2010 kommen die 130 Mitglieder des Vereins an jedem ersten Freitag im Gasthaus Krone zusammen. Sie zahlen einen Jahresbeitrag von 24 Euro.",
            "date",
        ),
        (
            "Ein Bergwerk in Hallgrund förderte bis 1957 Silber. In der tiefsten Sohle, 412 Meter unter der Erde, herrschten 28 Grad. Heute führen Rundgänge durch die oberen Stollen.",
            "Frage: Wie tief lag die tiefste Sohle des Bergwerks in Hallgrund?\nAntwort: Sie lag 412 Meter unter der Erde. Silber wurde dort bis 1957 gefördert.",
            "Frage: Wie tief lag die tiefste Sohle des Bergwerks in Hallgrund?\nAntwort: Sie lag 421 Meter unter der Erde. Silber wurde dort bis 1957 gefördert.",
            "number",
        ),
        (
            "Das Wasser der Quelle hat das ganze Jahr über 11 Grad. Im Winter dampft sie, im Sommer kühlen Wanderer dort ihre Füße. Trinken sollte man das Wasser nicht ungefiltert.",
            "Die Quelle hat ganzjährig 11 °C. Sie dampft im Winter, und im Sommer kühlen sich Wanderer dort die Füße. Ungefiltert sollte das Wasser nicht getrunken werden.",
            "Die Quelle hat ganzjährig 11 °C. Sie dampft im Winter. Ein bekannter Filmregisseur drehte hier seinen ersten Kriminalfilm.",
            "foreign claim",
        ),
    ],
    "fr": [
        (
            "Le pont de Brissac a été construit en 1887. Long de 265 mètres, il repose sur neuf arches de pierre. L'ingénieur Paul Garrel en a dirigé les travaux.",
            "Construit en 1887 sous la direction de l'ingénieur Paul Garrel, le pont de Brissac mesure 265 mètres et compte 9 arches de pierre.",
            "Construit en 1887 sous la direction de l'ingénieur Paul Garrel, le pont de Brissac mesure 265 kilomètres et compte 9 arches de pierre.",
            "unit",
        ),
        (
            "La commune compte 14 300 habitants, soit 6 % de plus qu'en 2010. Le maire, Luc Amiot, a annoncé que l'école ne fermera pas.",
            "Avec 14 300 habitants, la commune en a 6 % de plus qu'en 2010. L'école ne fermera pas, a annoncé le maire Luc Amiot.",
            "Avec 14 300 habitants, la commune en a 6 % de plus qu'en 2010. L'école fermera, a annoncé le maire Luc Amiot.",
            "negation",
        ),
        (
            "Le fromage mûrit pendant quatre mois dans une cave à 9 degrés. Chaque meule pèse environ 35 kilogrammes et demande 400 litres de lait.",
            "Pendant quatre mois, le fromage mûrit dans une cave à 9 °C. Il faut 400 litres de lait pour une meule d'environ 35 kg.",
            "Pendant quatre mois, le fromage mûrit dans une cave à 9 °C. Il faut 40 litres de lait pour une meule d'environ 35 kg.",
            "number",
        ),
        (
            "La romancière Odile Ferrand est née à Quimper le 8 avril 1934. Son premier livre, paru en 1961, s'est vendu à 2,5 millions d'exemplaires.",
            "Née le 8 avril 1934 à Quimper, Odile Ferrand a publié son premier livre en 1961. Il s'en est vendu 2 500 000 exemplaires.",
            "Née le 8 août 1934 à Quimper, Odile Ferrand a publié son premier livre en 1961. Il s'en est vendu 2 500 000 exemplaires.",
            "date",
        ),
        (
            "Entre 1990 et 2020, la surface du glacier a diminué de 31 %. Le lac qui s'est formé à son pied est profond de 52 mètres.",
            "La surface du glacier a reculé de 31 % entre 1990 et 2020, et un lac profond de 52 mètres s'est formé à son pied.",
            "La surface du glacier a augmenté de 31 % entre 1990 et 2020, et un lac profond de 52 mètres s'est formé à son pied.",
            "comparison",
        ),
        (
            "L'orchestre de Valmont joue chaque été dans la cour du château. En 2023, 5 200 personnes sont venues écouter ses huit concerts.",
            "Chaque été, l'orchestre de Valmont joue dans la cour du château. Ses 8 concerts ont attiré 5 200 personnes en 2023.",
            "Chaque été, l'orchestre de Bordeaux joue dans la cour du château. Ses 8 concerts ont attiré 5 200 personnes en 2023.",
            "name",
        ),
        (
            "Les hérissons dorment d'octobre à mars. Ils pèsent alors environ 600 grammes et perdent un tiers de leur poids pendant l'hiver.",
            "Les hérissons dorment d'octobre à mars ; ils pèsent environ 600 g et perdent pendant l'hiver un tiers de leur poids.",
            "Les hérissons dorment d'octobre à mars et pèsent environ 600 g. Le gouvernement a baissé les impôts des petites entreprises.",
            "foreign claim",
        ),
    ],
    "zh": [
        (
            "青溪大桥于1996年建成，全长2.8公里，双向六车道。设计师是陈立文。大桥每天通过约九万辆车。",
            "全长2.8公里的青溪大桥建成于1996年，设计师为陈立文，每天约有9万辆车通过。",
            "全长2.8公里的青溪大桥建成于1996年，设计师为陈立文，每天约有9千辆车通过。",
            "number",
        ),
        (
            "这座图书馆藏书三十五万册，周一不开放。去年有128万人次到访，比前年增加了12%。",
            "图书馆藏书35万册，每周一不开放。去年到访的有128万人次，较前年增加12%。",
            "图书馆藏书35万册，每周一不开放。去年到访的有128万人次，较前年减少12%。",
            "comparison",
        ),
        (
            "茶园位于海拔900米的山坡上，年平均气温16度。每年四月采摘第一批茶叶，农民不使用农药。",
            "茶园在海拔900米的山坡上，年均气温为16度。第一批茶叶在每年4月采摘，农民不用农药。",
            "茶园在海拔900米的山坡上，年均气温为16度。第一批茶叶在每年4月采摘，农民使用农药。",
            "negation",
        ),
        (
            "2021年5月14日，科学家在湖底钻取了一段长73米的岩芯。这段岩芯记录了过去十二万年的气候。",
            "科学家于2021年5月14日从湖底取得一段长73米的岩芯，它记录了过去12万年的气候。",
            "科学家于2021年8月14日从湖底取得一段长73米的岩芯，它记录了过去12万年的气候。",
            "date",
        ),
        (
            "一只成年大熊猫每天要吃20公斤竹子，进食时间超过12小时。保护区目前有46只大熊猫。",
            "成年大熊猫每天吃20公斤竹子，进食要花超过12小时。目前保护区里有46只。",
            "成年大熊猫每天吃20吨竹子，进食要花超过12小时。目前保护区里有46只。",
            "unit",
        ),
        (
            "这家面馆由王秀英于1985年创办，如今由她的女儿经营。一碗牛肉面卖18元，店里只有七张桌子。",
            "面馆是王秀英在1985年创办的，现在由女儿经营。牛肉面每碗18元，店里只有7张桌子。",
            "面馆是王秀英在1985年创办的，现在由女儿经营。牛肉面每碗18元，许多宇航员曾在太空站里品尝过冰淇淋。",
            "foreign claim",
        ),
        (
            "该市的地铁有4条线路，共87座车站。最早的一条线于2004年9月开通，票价两元起。",
            "该市地铁共4条线路、87座车站，其中最早的线路在2004年9月开通，票价2元起。",
            "该市地铁共4条线路、87座车站，其中最早的线路在2014年9月开通，票价2元起。",
            "number",
        ),
    ],
}

SECOND: dict[str, list[tuple[str, str, str, str]]] = {
    "en": [
        (
            "The ferry to Inchgarth leaves at 7:15 and takes 50 minutes. In rough weather, which comes on about 20 days a year, it stays in the harbour. A return ticket is 11 pounds.",
            "It takes the Inchgarth ferry 50 minutes to cross; it leaves at 7:15. On some twenty days a year the weather is so rough that it stays in harbour.",
            "It takes the Inchgarth ferry 50 minutes to cross; it leaves at 7:45. On some twenty days a year the weather is so rough that it stays in harbour.",
            "number",
        ),
        (
            "Copper conducts heat better than iron. A copper pan warms evenly within two minutes, while an iron one needs about six. Acidic food should not be cooked in bare copper.",
            "Heat spreads better in copper than in iron: a copper pan is evenly warm after 2 minutes, an iron one after about 6. Do not cook acidic food in bare copper.",
            "Heat spreads better in copper than in iron: a copper pan is evenly warm after 2 minutes, an iron one after about 6. Acidic food should be cooked in bare copper.",
            "negation",
        ),
        (
            "In July 1963 the village had 412 inhabitants; by July 2013 there were 178. The school closed in 1991, and the last shop followed four years later.",
            "The village's population fell from 412 in July 1963 to 178 in July 2013. Its school was closed in 1991.",
            "The village's population rose from 412 in July 1963 to 178 in July 2013. Its school was closed in 1991.",
            "comparison",
        ),
        (
            "Daniel Abara won the race in 2 hours, 14 minutes and 9 seconds. Second was Petr Zelenka, 31 seconds behind. It rained from the tenth kilometre on.",
            "With a time of 2 hours, 14 minutes and 9 seconds Daniel Abara won the race; Petr Zelenka came in 31 seconds later as the second.",
            "With a time of 2 hours, 14 minutes and 9 seconds Daniel Abara won the race; Milan Horak came in 31 seconds later as the second.",
            "name",
        ),
        (
            "The dam was finished in November 1978. Its wall is 96 metres high and holds back 240 million cubic metres of water, enough for a city of half a million people.",
            "Completed in November 1978, the dam has a wall 96 metres high. It stores 240 million cubic metres of water, which is enough for a city with 500,000 people.",
            "Completed in September 1978, the dam has a wall 96 metres high. It stores 240 million cubic metres of water, which is enough for a city with 500,000 people.",
            "date",
        ),
    ],
    "de": [
        (
            "Der Wanderweg ist 14 Kilometer lang und überwindet 620 Höhenmeter. Für den Aufstieg braucht man rund vier Stunden. Hunde sind im oberen Teil nicht erlaubt.",
            "Rund 4 Stunden dauert der Aufstieg auf dem 14 km langen Weg mit seinen 620 Höhenmetern. Im oberen Teil sind Hunde nicht erlaubt.",
            "Rund 4 Stunden dauert der Aufstieg auf dem 14 km langen Weg mit seinen 620 Höhenmetern. Im oberen Teil sind Hunde erlaubt.",
            "negation",
        ),
        (
            "Die Glocke der Kirche wurde 1743 von Johann Reber gegossen. Sie wiegt 2,3 Tonnen und ist mehr als zehn Kilometer weit zu hören.",
            "Johann Reber goss die Glocke im Jahr 1743. Sie ist 2,3 t schwer, und man hört sie über zehn Kilometer weit.",
            "Johann Reber goss die Glocke im Jahr 1743. Sie ist 2,3 kg schwer, und man hört sie über zehn Kilometer weit.",
            "unit",
        ),
        (
            "Am 9. Februar 1956 sank die Temperatur auf minus 29 Grad. Der See fror bis auf 80 Zentimeter zu, und erst Ende März taute das Eis.",
            "Die Temperatur fiel am 9. Februar 1956 auf -29 Grad. Das Eis des Sees war 80 cm dick und taute erst Ende März.",
            "Die Temperatur fiel am 9. Februar 1956 auf -29 Grad. Das Eis des Sees war 18 cm dick und taute erst Ende März.",
            "number",
        ),
        (
            "Im Jahr 2020 wurden in der Stadt 340 Wohnungen gebaut, ein Jahr später 295. Die Mieten stiegen in dieser Zeit um 4 Prozent.",
            "340 Wohnungen entstanden 2020 in der Stadt, im Jahr darauf 295. Die Mieten wurden in dieser Zeit um 4 % erhöht.",
            "340 Wohnungen entstanden 2020 in der Stadt, im Jahr darauf 295. Die Mieten sanken in dieser Zeit um 4 %.",
            "comparison",
        ),
        (
            "Das Rezept stammt von Lina Oberhauser. Für acht Portionen nimmt sie 500 Gramm Mehl und fünf Eier; der Teig ruht eine halbe Stunde.",
            "Lina Oberhauser, von der das Rezept stammt, nimmt für 8 Portionen 500 g Mehl und 5 Eier. Der Teig ruht 30 Minuten.",
            "Lina Oberhauser, von der das Rezept stammt, nimmt für 8 Portionen 500 g Mehl und 5 Eier. Viele Astronauten trainieren heute in großen Wasserbecken.",
            "foreign claim",
        ),
    ],
    "fr": [
        (
            "La bibliothèque est ouverte du mardi au samedi. Elle prête 62 000 ouvrages, dont un quart pour les enfants. L'inscription coûte 12 euros par an.",
            "Ouverte du mardi au samedi, la bibliothèque prête 62 000 ouvrages, dont un quart est destiné aux enfants. On s'y inscrit pour 12 euros par an.",
            "Ouverte du mardi au samedi, la bibliothèque prête 26 000 ouvrages, dont un quart est destiné aux enfants. On s'y inscrit pour 12 euros par an.",
            "number",
        ),
        (
            "Le 22 juin 1911, un orage a détruit le toit de l'abbaye. Les travaux ont duré trois ans et n'ont pas été payés par l'État.",
            "L'orage du 22 juin 1911 a détruit le toit de l'abbaye. L'État n'a pas payé les travaux, qui ont duré 3 ans.",
            "L'orage du 22 janvier 1911 a détruit le toit de l'abbaye. L'État n'a pas payé les travaux, qui ont duré 3 ans.",
            "date",
        ),
        (
            "Jeanne Morvan dirige l'usine depuis 2016. Elle emploie 230 personnes et exporte plus de la moitié de ses machines.",
            "Depuis 2016, l'usine est dirigée par Jeanne Morvan. Elle compte 230 employés et exporte plus de la moitié de ses machines.",
            "Depuis 2016, l'usine est dirigée par Sophie Lenoir. Elle compte 230 employés et exporte plus de la moitié de ses machines.",
            "name",
        ),
        (
            "Cette pompe consomme 45 watts, soit moins que l'ancienne, qui en consommait 110. Elle ne doit jamais tourner à sec.",
            "La pompe consomme 45 watts, moins que l'ancienne et ses 110 watts. Il ne faut jamais la laisser tourner à sec.",
            "La pompe consomme 45 watts, plus que l'ancienne et ses 110 watts. Il ne faut jamais la laisser tourner à sec.",
            "comparison",
        ),
        (
            "Le sentier longe la côte sur 18 kilomètres. On y voit des phoques entre novembre et février.",
            "Long de 18 km, le sentier suit la côte ; on y voit des phoques de novembre à février.",
            "Long de 18 m, le sentier suit la côte ; on y voit des phoques de novembre à février.",
            "unit",
        ),
    ],
    "zh": [
        (
            "这条河全长640公里，流经三个省。1998年7月，洪水淹没了沿岸两万公顷农田。",
            "河流全长640公里，经过3个省。1998年7月的洪水淹没了沿岸2万公顷农田。",
            "河流全长640公里，经过3个省。1998年9月的洪水淹没了沿岸2万公顷农田。",
            "date",
        ),
        (
            "实验室共有25名研究员，由周建国领导。去年他们发表了37篇论文，没有获得任何专利。",
            "实验室由周建国领导，共有研究员25名。去年发表论文37篇，没有获得专利。",
            "实验室由周建国领导，共有研究员25名。去年发表论文73篇，没有获得专利。",
            "number",
        ),
        (
            "冬季游客人数比夏季少四成。旅馆的价格因此下降，一晚只要220元。",
            "冬季的游客比夏季少四成，旅馆价格因此下降，一晚220元。",
            "冬季的游客比夏季少四成，旅馆价格因此下降，一晚220美元。",
            "unit",
        ),
        (
            "新建的体育馆可容纳8000人，比旧馆多3000人。门票不收费。",
            "新体育馆能容纳8000人，较旧馆多3000人，门票不收费。",
            "新体育馆能容纳8000人，较旧馆多3000人，门票收费。",
            "negation",
        ),
        (
            "苹果应在4度的温度下保存，可以放六个月。与香蕉放在一起会更快成熟。",
            "苹果在4度下可保存6个月，与香蕉放在一起会成熟得更快。",
            "苹果在4度下可保存6个月。许多导演喜欢在山区拍摄武侠电影。",
            "foreign claim",
        ),
    ],
}


def main() -> None:
    for title, pairs in (("FRESH, no longer fresh", FRESH), ("SECOND", SECOND)):
        print(title)
        measure(pairs)


def measure(pairs: dict[str, list[tuple[str, str, str, str]]]) -> None:
    """Print what the checker says wrongly, and both shares."""
    checker, verdicts, kinds = Faithfulness(), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for language, entries in pairs.items():
        for source, right, wrong, kind in entries:
            for truth, text in (("right", right), ("wrong", wrong)):
                verdict, defect, _ = checker._judge(text, source)
                verdicts[truth, verdict] += 1
                if truth == "wrong":
                    kinds[kind, "caught" if verdict != "pass" else "missed"] += 1
                if (truth == "right") != (verdict == "pass"):
                    print(f"  {truth}, and {verdict} {defect} ({language}, {kind}): {text}")
    of = sum(map(len, pairs.values()))
    caught, failed = of - verdicts["wrong", "pass"], verdicts["right", "fail"]
    print(f"wrong rewrites that do not pass: {caught} of {of} {rounded(caught, of)}")
    print(f"right rewrites that fail: {failed} of {of} {rounded(failed, of)}; {verdicts['right', 'abstain']} abstain")
    for kind in sorted({kind for kind, _ in kinds}):
        print(f"  {kind}: {kinds[kind, 'caught']} of {kinds[kind, 'caught'] + kinds[kind, 'missed']}")


if __name__ == "__main__":
    main()
