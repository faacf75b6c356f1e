"""What the demo web says besides its articles: advertising, the text around every page, three other languages."""

SPAM_HOSTS = ("best-deals.example", "cheap-shop.test", "win-big.example")
GOODS = ("shoes", "watches", "phones", "sofas", "tyres", "vitamins", "handbags", "mattresses", "laptops", "sunglasses")
SPAM = (
    "Buy cheap {0} online today and save big on {0}.",
    "Best {0} best price best {0} deals, click here now!!!",
    "Our {0} are the number one {0} that everyone wants ...",
    "Free shipping on all {0}, order {0} now, limited offer!",
    "Looking for {0}? We have {0}, discount {0} and more {0}.",
    "Click here for {1}. Click here for {0}. Click here to win!!!",
)
BOILERPLATE = (
    "Home", "About us", "Contact", "Sign in", "Register", "Forgot your password?", "Terms of use", "Privacy policy",
    "Cookie settings", "Accept all", "Share", "Print this page", "Next", "Previous", "Sitemap", "Careers", "Imprint",
    "Read more ...", "Log in to leave a comment", "Enable javascript to view this page", "All rights reserved",
)  # fmt: skip
LANGUAGES = {
    "de": (
        "Der kleine Fluss fließt an der alten Mühle vorbei und mündet hinter dem Dorf in den See.",
        "Im Herbst sammeln die Kinder Kastanien und bringen sie ihren Großeltern mit nach Hause.",
        "Wer den Weg über den Berg nimmt, sieht am Abend die Lichter der Stadt unter sich liegen.",
        "Die Bibliothek öffnet jeden Morgen um neun Uhr und schließt erst spät am Abend.",
        "Nach dem langen Winter freuten sich alle über die ersten warmen Tage des Jahres.",
        "Das Museum zeigt Werkzeuge, mit denen die Menschen früher auf den Feldern gearbeitet haben.",
    ),
    "fr": (
        "La petite rivière passe devant le vieux moulin et rejoint le lac derrière le village.",
        "En automne, les enfants ramassent des châtaignes et les rapportent à leurs grands-parents.",
        "Celui qui prend le chemin de la montagne voit le soir les lumières de la ville à ses pieds.",
        "La bibliothèque ouvre chaque matin à neuf heures et ne ferme que tard dans la soirée.",
        "Après un long hiver, tout le monde se réjouissait des premiers jours chauds de l'année.",
        "Le musée montre les outils avec lesquels les gens travaillaient autrefois dans les champs.",
    ),
    "es": (
        "El pequeño río pasa junto al viejo molino y llega al lago que está detrás del pueblo.",
        "En otoño los niños recogen castañas y se las llevan a casa a sus abuelos.",
        "Quien toma el camino de la montaña ve por la noche las luces de la ciudad a sus pies.",
        "La biblioteca abre cada mañana a las nueve y no cierra hasta muy tarde.",
        "Después del largo invierno todos se alegraron con los primeros días cálidos del año.",
        "El museo enseña las herramientas con las que antes se trabajaba en los campos.",
    ),
}
