"""A source in English and one in Chinese, and for each prompt a reply as a careful writer would give it."""

ENGLISH = (
    "The town of Aarau lies on the river Aare, some forty kilometres west of Zurich. Its old town has painted gables, "
    "and its market is held every Saturday. The first bridge was built in 1251 and burnt down twice before the "
    "present one replaced it in 1849. In 2020 the town had 21726 inhabitants, 304 more than in 2018."
)
CHINESE = (
    "阿劳镇位于阿勒河畔，在苏黎世以西约四十公里处。老城的山墙上绘有图画，每逢星期六举行集市。"
    "第一座桥建于1251年，曾两次被烧毁，后来才在1849年有了现在的这座桥。2020年全镇有21726人，比2018年多304人。"
)
PAGE = "Home | Shop\n\nAarau lies on the Aare.\nIts market is held every Saturday\u00c3\u00a2.\n\nAccept all cookies"
FAQ = (
    "Question: Where does Aarau lie?\nAnswer: Aarau is on the Aare, roughly forty kilometres west of Zurich.\n\n"
    "Question: When is there a market in Aarau?\nAnswer: Stalls open there each Saturday.\n\n"
    "Question: How old is the bridge of Aarau?\nAnswer: It dates from 1849; an earlier one of 1251 was lost to fire."
)
FAQ_ZH = (
    "问题：阿劳在哪里？\n答案：阿劳在阿勒河边，距苏黎世大约四十公里。\n\n"
    "问题：阿劳什么时候有集市？\n答案：镇上周六都有集市。\n\n"
    "问题：现在的桥是哪一年建成的？\n答案：它建于1849年，此前的桥毁于大火。"
)
SECTIONS = (
    "# Getting to know Aarau\n\n## Where it is\nAarau stands beside the Aare. Travellers from Zurich go west for about "
    "forty kilometres.\n\n## What to look at\nThe gables of the old centre carry paintings, and on Saturdays there is "
    "a market.\n\n## What to remember\nA bridge of 1251 burnt down two times; the one of 1849 still stands."
)
GOLDEN = {
    "rephrase": "Aarau is a town beside the Aare, about forty kilometres to the west of Zurich. Gables in its old "
    "centre are painted; each Saturday there is a market. A bridge from 1251 was lost to fire two times, and then, in "
    "1849, the one that stands today took its place. By 2020 it counted 21726 people, a gain of 304 since 2018.",
    "question_answer": " Where does Aarau lie?\nAnswer: On the Aare, west of Zurich.\n"
    "Question: When was today's bridge built?\nAnswer: In 1849.",
    "expand": "Aarau is a Swiss town that grew up beside the Aare, a river; whoever comes from Zurich has about forty "
    "kilometres to go, westwards. Its oldest quarter is known for its gables, the pointed ends of house walls below "
    "the roof, since they are covered with paintings. Once a week, on Saturday, people meet at the market. Crossing "
    "the water was long a risky affair: a first bridge, of 1251, was destroyed by fire not once but twice, and only "
    "with the one that opened in 1849 did the town get what it uses today. The place is growing slowly: 21726 people "
    "were counted in 2020, which is 304 more than two years earlier, in 2018.",
    "distil": "Aarau, a town on the Aare west of Zurich with 21726 people in 2020, has painted gables and a weekly "
    "market; its bridge of 1849 followed others lost to fire.",
    "faq": FAQ,
    "diverse_qa": FAQ,
    "tutorial": SECTIONS,
    "textbook_section": SECTIONS,
    "table": "| Year | Event |\n|---|---|\n| 1251 | first bridge |\n| 1849 | today's bridge |\n| 2020 | 21726 people |"
    "\n\nQuestion: In which year came the first bridge?\nAnswer: 1251",
    "math_problem": "Problem: A town had 304 people fewer in 2018 than in 2020, when it had 21726. How many lived "
    "there in 2018?\nSolution: 21726 - 304 = 21422\nAnswer: 21422 people",
    "knowledge_list": "- Aarau is a town beside the Aare.\n- Zurich is about forty kilometres east of Aarau.\n"
    "- Aarau's market takes place on Saturdays.\n- Aarau had 21726 people in 2020.",
    "conversation": "Learner: I have never been to Aarau. Where is it?\nExpert: Beside the Aare, forty kilometres "
    "west of Zurich.\nLearner: And which day should I choose for a visit?\nExpert: Saturday, since that is market day; "
    "look up at the painted gables as well.",
    "guided_rewrite": "Useful are place, market, bridge and numbers. There is no noise.\n<rewrite>\nAarau is a town "
    "beside the Aare, about forty kilometres to the west of Zurich. Gables in its old centre are painted; each "
    "Saturday there is a market. A bridge from 1251 was lost to fire two times, and in 1849 today's took its place. "
    "By 2020 it counted 21726 people, a gain of 304 since 2018.\n</rewrite>",
    "task": "Instruction: Sort the events by year, the latest first.\nInput: present bridge, 1849; census, 2020; first "
    "bridge, 1251\nAnswer: census, 2020; present bridge, 1849; first bridge, 1251",
    "edit": 'delete 1\nreplace 3 "Saturday\u00c3\u00a2" -> "Saturday"\ndelete 4',
    "rephrase_zh": "阿劳是阿勒河边的一座小镇，东距苏黎世大约四十公里。镇上旧城区的房屋山墙有彩绘装饰，周六有集市。"
    "1251年修建的首座桥梁先后毁于两场大火，如今人们看到的桥是1849年重建的。到2020年，镇上人口为21726人，两年间增加了304人。",
    "question_answer_zh": "阿劳在哪里？\n答案：在阿勒河边。\n问题：现在的桥建于哪一年？\n答案：1849年。",
    "faq_zh": FAQ_ZH,
    "diverse_qa_zh": FAQ_ZH,
    "table_zh": "| 年份 | 事件 |\n|---|---|\n| 1251 | 首座桥 |\n| 1849 | 今日的桥 |\n\n"
    "问题：首座桥建于哪一年？\n答案：1251年",
    "math_problem_zh": "题目：某镇2020年有21726人，比2018年多304人。2018年有多少人？\n"
    "解答：21726 - 304 = 21422\n答案：21422人",
    "knowledge_list_zh": "- 阿劳是阿勒河边的小镇。\n- 阿劳的集市在周六。\n- 阿劳2020年的人口为21726人。",
    "conversation_zh": "学生：阿劳在哪里？\n老师：在阿勒河边，离苏黎世大约四十公里。\n"
    "学生：哪天去最合适？\n老师：周六去最好，因为那天有集市，还可以看看山墙上的彩绘。",
}
for short in ("encyclopaedic", "plain", "dense"):
    GOLDEN[f"rephrase_{short}"] = GOLDEN["rephrase"]
for short in ("encyclopaedic", "plain"):
    GOLDEN[f"rephrase_{short}_zh"] = GOLDEN["rephrase_zh"]


def source_of(name: str) -> str:
    return PAGE if name == "edit" else CHINESE if name.endswith("_zh") else ENGLISH
