"""Word lists and templates of the demo model's sentences."""


def _words(text):
    return [w.strip() for w in text.replace("\n", " ").split(",") if w.strip()]


LISTS = {
    "name": _words(
        "Anna, Ben, Clara, David, Emma, Frank, Grace, Henry, Iris, Jack, Kate, "
        "Leo, Maria, Nick, Olivia, Paul, Rachel, Sam, Tom, Victor, Wendy, "
        "Peter, Alice, Robert, Susan, John, Mary, James, Linda, Michael, "
        "Sarah, Daniel, Laura, Kevin, Helen, George, Nancy, Brian, Julia, "
        "Martin, Sophie, Adam, Diana, Oscar, Ruth, Simon, Karen, Thomas, Lucy, "
        "Mark"
    ),
    "kin": _words(
        "my sister, my brother, my mother, my father, my uncle, my aunt, my "
        "cousin, my friend, her husband, his wife, our neighbor, the teacher, "
        "the doctor, the farmer, the captain, the driver, the baker, the old "
        "man, the young woman, the little girl, the tall boy, the singer, the "
        "nurse, the king, the queen, the gardener, the student, the pilot, the "
        "painter, the manager, the children, my grandmother, my parents, the "
        "engineer"
    ),
    "who": ["{name}", "{name}", "{kin}", "{kin}", "{pro}"],
    "pro": _words("she, he, we, they, you, someone, everyone, nobody"),
    "animal": _words(
        "dog, cat, horse, cow, sheep, fox, rabbit, mouse, bear, wolf, lion, "
        "tiger, bird, duck, goose, chicken, frog, snake, turtle, monkey, "
        "elephant, whale, fish, owl, eagle, pig, goat, donkey, squirrel, "
        "spider, bee, butterfly, penguin, zebra, puppy, kitten, camel, parrot"
    ),
    "food": _words(
        "apples, bread, cheese, butter, rice, soup, pizza, pasta, salad, cake, "
        "cookies, oranges, bananas, grapes, chocolate, honey, eggs, fish, "
        "chicken, potatoes, tomatoes, carrots, onions, beans, mushrooms, "
        "sugar, salt, pepper, breakfast, lunch, dinner, ice cream, sandwiches, "
        "cherries, strawberries, peaches, pancakes, nuts, corn, lemons, "
        "garlic, cereal"
    ),
    "drink": _words(
        "coffee, tea, water, milk, orange juice, wine, beer, lemonade, "
        "hot chocolate, apple juice, cold water, green tea, black coffee"
    ),
    "thing": _words(
        "book, table, chair, lamp, window, door, key, phone, letter, box, bag, "
        "bottle, cup, plate, knife, fork, spoon, clock, watch, picture, "
        "mirror, bed, blanket, pillow, shirt, coat, hat, shoe, umbrella, "
        "ticket, map, camera, radio, guitar, piano, violin, drum, bicycle, "
        "car, boat, train, ball, kite, hammer, ladder, rope, basket, candle, "
        "pencil, paper, newspaper, computer, keyboard, machine, package, "
        "present, ring, coin, flag, bell, bridge, fence, garden, tent, truck, "
        "bus, wheel, engine, blue jacket, glass, jar, stone, brush, wallet, "
        "purse, notebook"
    ),
    "adj": _words(
        "big, small, old, new, young, tall, short, long, quick, slow, red, "
        "blue, green, yellow, white, black, brown, gray, purple, pink, orange, "
        "happy, sad, tired, lazy, busy, quiet, loud, warm, cold, hot, cool, "
        "bright, dark, heavy, light, strong, weak, rich, poor, clean, dirty, "
        "fresh, sweet, soft, hard, smooth, rough, round, square, thin, thick, "
        "wide, narrow, deep, empty, full, broken, beautiful, strange, simple, "
        "expensive, cheap, wonderful, terrible, famous, friendly, gentle, "
        "clever, brave, golden, silver, wooden, huge, tiny, wild, proud, "
        "perfect, silly, useful"
    ),
    "mood": _words(
        "happy, sad, tired, hungry, thirsty, busy, angry, afraid, ready, late, "
        "early, quiet, proud, sick, better, worried, lucky, surprised, bored, "
        "excited, alone, sure, wrong, right, kind, careful, nervous, calm"
    ),
    "color": _words(
        "red, blue, green, yellow, white, black, brown, gray, purple, pink, "
        "gold"
    ),
    "place": _words(
        "the park, the market, the kitchen, the garden, the office, the "
        "school, the station, the library, the river, the lake, the beach, the "
        "forest, the mountain, the village, the city, the museum, the theater, "
        "the bank, the church, the hotel, the airport, the hospital, the "
        "bridge, the farm, the harbor, the shop, the bakery, the restaurant, "
        "the street, the house, the tower, the island, the castle, the valley, "
        "the desert, the factory, the zoo, the corner, the field, the road, "
        "the barn, the square"
    ),
    "city": _words(
        "London, Paris, New York, Boston, Chicago, Berlin, Rome, Madrid, "
        "Tokyo, Sydney, Dublin, Vienna, Moscow, Toronto, Denver, Dallas, "
        "Seattle, Miami, Houston, Oxford, Texas, California, Canada, France, "
        "Germany, Italy, Spain, China, India, Japan, Mexico, Brazil, Egypt, "
        "Africa, America, England, Scotland, Ireland, Australia, Europe"
    ),
    "day": _words(
        "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"
    ),
    "month": _words(
        "January, February, March, April, May, June, July, August, September, "
        "October, November, December"
    ),
    "season": _words("spring, summer, autumn, winter"),
    "when": _words(
        "today, tomorrow, yesterday, this morning, this evening, tonight, "
        "last night, next week, last year, on {day}, in {month}, every day, "
        "at {clock}, before dinner, after lunch, at noon, at midnight, again, "
        "right now, as soon as possible, in the {season}, once a week, all day"
    ),
    "future": _words(
        "tomorrow, tonight, next week, next month, on {day}, in {month}, "
        "at {clock}, after lunch, before dinner, very soon, this afternoon"
    ),
    "past": _words(
        "yesterday, last night, last week, last year, on {day}, two days ago, "
        "in {month}, this morning, a long time ago, an hour ago, at {clock}"
    ),
    "weather": _words(
        "sunny, cloudy, rainy, windy, cold, warm, hot, foggy, stormy, dry, "
        "wet, freezing, snowing, raining, beautiful, nice, cool, dark"
    ),
    "did": _words(
        "found, lost, bought, sold, broke, fixed, opened, closed, painted, "
        "cleaned, dropped, carried, moved, wanted, needed, liked, loved, "
        "forgot, remembered, borrowed, hid, saw, showed us, gave me, took, "
        "stole, built, brought, sent, kept, pushed, pulled, washed, touched, "
        "threw, chose"
    ),
    "do": _words(
        "find, lose, buy, sell, break, fix, open, close, paint, clean, drop, "
        "carry, move, want, need, like, love, forget, remember, borrow, hide, "
        "see, show me, give me, take, steal, build, bring, send, keep, push, "
        "pull, wash, touch, throw, choose, check, count, draw, hold, use"
    ),
    "went": _words(
        "went to, walked to, drove to, ran to, came from, arrived at, stayed "
        "near, stood in front of, waited outside, slept behind, looked at, "
        "lived near, worked at, sat beside, rode past, hurried to, returned "
        "from, left"
    ),
    "doing": _words(
        "reading, writing, singing, dancing, cooking, sleeping, running, "
        "walking, swimming, laughing, crying, working, playing, talking, "
        "listening, waiting, shopping, driving, flying, fishing, painting, "
        "cleaning, studying, drinking, eating, smiling, shouting, thinking, "
        "learning, teaching, traveling, hiding, jumping, climbing, sitting, "
        "standing"
    ),
    "job": _words(
        "teacher, doctor, farmer, driver, singer, writer, painter, lawyer, "
        "soldier, sailor, nurse, cook, baker, dancer, actor, engineer, artist, "
        "student, scientist, judge, captain, builder, pilot, waiter, mechanic"
    ),
    "adverb": _words(
        "slowly, quickly, quietly, loudly, carefully, softly, gently, "
        "suddenly, happily, easily, early, late, together, alone, outside, "
        "inside, away, well, badly, often, twice, again, very fast, almost "
        "always, forever"
    ),
    "jumps": _words(
        "jumps, runs, walks, flies, swims, sleeps, climbs, looks, hides, sits, "
        "stands, rolls, falls, crawls, steps, dances, waits, moves, leaps"
    ),
    "over": _words(
        "over, under, behind, beside, around, near, into, across, above, "
        "below, between, in front of, on top of, next to, through, past, "
        "toward"
    ),
    "subject": _words(
        "music, history, science, English, math, art, the news, the weather, "
        "the future, the past, money, football, chess, love, health, nature, "
        "language, politics, business, the law, the truth, the stars, the sea"
    ),
    "part": _words(
        "hand, foot, head, arm, leg, back, knee, finger, shoulder, nose, ear, "
        "eye, mouth, tooth, neck, heart, stomach, thumb, elbow, chin"
    ),
    "nature": _words(
        "sun, moon, sky, sea, wind, rain, snow, river, mountain, forest, tree, "
        "flower, leaf, grass, storm, cloud, fire, ice, sand, star, earth, "
        "ocean, thunder, lightning, rainbow, fog, hill, wave, rock, road, "
        "night, morning"
    ),
    "does": _words(
        "is rising, is falling, is shining, is beautiful, is very {adj}, looks "
        "{adj}, was {adj}, is gone, is far away, seems {adj}, was {color}, "
        "is getting {adj}, turns {color}, feels {adj}, is not {adj}"
    ),
    "ask": _words("what, who, where, when, why, how"),
    "unit": _words(
        "minutes, hours, days, weeks, months, years, miles, dollars, pounds, "
        "meters, people, pages, steps, seconds, points, percent, degrees, "
        "inches"
    ),
}

TEMPLATES = [
    "{who} {did} a {adj} {thing} {past}.",
    "{who} {did} the {adj} {thing} in {place}.",
    "{who} {did} the {thing} and the {thing}.",
    "{who} {did} {small} {color} {animal}s near {place}.",
    "{who} {went} {place} {past}.",
    "{who} {went} {place} with {name}.",
    "{who} {went} {place} because it was {weather}.",
    "{name} and {name} are {doing} in {place}.",
    "{name} and {name} {went} {place}.",
    "{kin} is {doing} {adverb}.",
    "{kin} was {doing} near {place} {past}.",
    "{name} is {doing} with {kin}.",
    "I think {name} is {mood} today.",
    "I am {mood}, but {name} is not.",
    "I am {doing} at home {future}.",
    "I will {do} the {thing} {future}.",
    "I want to {do} a {adj} {thing}.",
    "I would like {small} {thing}s, please.",
    "I would like some {food} and {drink}, please.",
    "I need {num} {unit} to finish.",
    "I have {small} {animal}s and a {adj} {animal}.",
    "I have never seen such a {adj} {thing}.",
    "I live in a {adj} house near {place}.",
    "I can see a {adj} {thing} on the {thing}.",
    "I don't know where the {thing} is.",
    "I don't like {food} with {food}.",
    "I can't {do} the {thing} {future}.",
    "I'm going to {city} with {name} {future}.",
    "I've been {doing} for {num} {unit}.",
    "We'll {do} the {thing} {future}.",
    "We are going to {place} {future}.",
    "We had {food} and {drink} for dinner.",
    "We ate {food} and {food} {past}.",
    "We need more {food} and a little {drink}.",
    "We talked about {subject} and {subject}.",
    "They {went} {place} {past}.",
    "They live in {city}, not in {city}.",
    "She likes {drink} more than {drink}.",
    "He is a {job}, and she is a {job}.",
    "She was born in {city} in {month}.",
    "He plays the {thing} very {adverb}.",
    "His {part} hurts when he is {doing}.",
    "Her {part} is cold and her {part} is warm.",
    "My {part} hurts, and I feel {mood}.",
    "{name} wants to be a {job}.",
    "{name} wants to {do} my {thing}.",
    "{name} doesn't want to {do} the {thing}.",
    "{name} has a {adj} {animal} and a {adj} {thing}.",
    "{name} said that the {thing} was {adj}.",
    "{name} told me about {subject}.",
    "{name} bought {num} {thing}s for {num} dollars.",
    "{name} lives in {city} with {kin}.",
    "{name} will come to {city} in {month}.",
    "{name}'s {thing} is under the {thing}.",
    "The {adj} {animal} {jumps} {over} the {adj} {animal}.",
    "The {adj} {adj} {animal} {jumps} {over} the {thing}.",
    "The {animal} {jumps} {over} the {adj} {thing}.",
    "A {adj} {animal} {jumps} {over} {place}.",
    "The {animal} and the {animal} live in {place}.",
    "The {animal} is {adj}, but the {animal} is {adj}.",
    "The {thing} is on the {adj} {thing}.",
    "The {adj} {thing} is in {place}.",
    "The {color} {thing} belongs to {name}.",
    "The {thing} costs {num} dollars.",
    "The {thing} was {adj} and very {adj}.",
    "The {nature} {does} {when}.",
    "The {nature} {does}, and the {nature} {does}.",
    "The {job} and the {job} are {doing}.",
    "The {job} {did} a {adj} {thing}.",
    "The {job} gave the {job} a {thing}.",
    "The train to {city} leaves at {clock}.",
    "The bus from {city} arrives at {clock}.",
    "The flight to {city} takes {num} hours.",
    "The meeting is on {day} at {clock}.",
    "The shop opens at {clock} and closes at {clock}.",
    "The weather in {city} is {weather} in {month}.",
    "The weather is {weather} and {weather} today.",
    "The answer is {num}, not {num}.",
    "The number is {small} {small} {small} {small}.",
    "Your number is {num}, and mine is {num}.",
    "It is {num} {unit} from {city} to {city}.",
    "It will be {weather} {future}.",
    "It was {weather} in {city} {past}.",
    "It is {clock}, and I am {mood}.",
    "There are {num} {animal}s in {place}.",
    "There is a {adj} {thing} behind the {thing}.",
    "There is no {food} in the {thing}.",
    "This is the {adj} {thing} that {name} {did}.",
    "This {thing} is {adj}, and that one is {adj}.",
    "That is a {adj} {thing}, my friend.",
    "These {thing}s are {adj} and {adj}.",
    "Please {do} the {thing} {future}.",
    "Please {do} the {adj} {thing}.",
    "Please give {name} the {color} {thing}.",
    "Can you {do} the {thing} for me?",
    "Can you hear the {animal} in {place}?",
    "Could you please {do} the {adj} {thing}?",
    "Do you want {food} or {food}?",
    "Do you know {name} from {city}?",
    "Did {name} {do} the {adj} {thing}?",
    "Where is the {adj} {thing}?",
    "Where did {kin} {do} the {thing}?",
    "When will {name} come to {place}?",
    "Why is {name} so {mood} today?",
    "What did {name} {do} in {place}?",
    "Who {did} the {thing} {past}?",
    "How many {thing}s do you have?",
    "How much is the {adj} {thing}?",
    "How is the weather in {city}?",
    "Is the {thing} {adj} or {adj}?",
    "Is it {weather} in {city} {when}?",
    "Don't {do} the {thing}, {name}.",
    "Let's go to {place} {future}.",
    "Let's talk about {subject}.",
    "Thank you for the {adj} {thing}, {name}.",
    "Good morning, {name}, how are you?",
    "Hello {name}, the {thing} is ready.",
    "Welcome to {city}, my name is {name}.",
    "My name is {name}, and I am a {job}.",
    "{num} {unit} is a long time for a {job}.",
    "In {month} the {nature} is {adj}.",
    "On {day} I {went} {place}.",
    "On {day} we will talk about {subject}.",
    "Every {day} {name} goes to {place}.",
    "After {num} {unit} the {thing} was {adj}.",
    "If it is {weather}, we will stay in {place}.",
    "When the {nature} {does}, the {animal} sleeps.",
    "Nobody knows why the {animal} is {adj}.",
    "Everyone likes {food} in the {season}.",
    "Some people like {subject}, others like {subject}.",
    "First {do} the {thing}, then {do} the {thing}.",
    "One day {kin} {did} a {adj} {thing}.",
    "Once upon a time there was a {adj} {animal}.",
    "Hello, this is {name} speaking from {city}.",
    "This is a demo of a small {thing}.",
    "The model says that {subject} is {adj}.",
    "Five quick {animal}s {did} my box of {food}.",
]

SHORT = [
    "Hello.",
    "Hello, {name}.",
    "Good morning, {name}.",
    "Good night, {name}.",
    "Yes, {name}.",
    "No, thank you, {name}.",
    "See you on {day}.",
    "It is {clock}.",
    "{num} {unit}.",
    "The {adj} {thing}.",
    "A {adj} {animal}.",
    "{adj} and {adj}.",
    "{name} is {mood}.",
    "{city} and {city}.",
    "{doing} {adverb}.",
    "Where is {name}?",
    "I am {mood}.",
    "{day}, {clock}.",
    "{food} and {drink}.",
    "{small}, {small}, {small}.",
]

SMALL_WORDS = (
    "the a of and to in is for on with at by from or as it that this was are "
    "be has not but they we you his her all one out about so what if"
).split()

# Held out: natural sentences that no template makes.
WRITTEN = [
    "The old clock on the wall stopped at midnight.",
    "She opened the window and looked at the stars.",
    "We walked along the river until the sun went down.",
    "My brother forgot his keys at the office again.",
    "Can you tell me how to get to the station?",
    "The children played in the garden after school.",
    "He drinks a cup of black coffee every morning.",
    "It started to rain just before we got home.",
    "Please close the door when you leave the room.",
    "The new teacher told us a story about a brave king.",
    "I have not seen my friend for almost three years.",
    "There was nothing in the box but an old letter.",
    "They built a small wooden house near the lake.",
    "The train was late because of the heavy snow.",
    "Do not forget to bring your ticket and your camera.",
    "A cold wind came down from the mountain at night.",
    "She has two brothers and a younger sister.",
    "The doctor said that he would be fine by Monday.",
    "Everybody in the village knows the baker's daughter.",
    "I would rather stay at home and read a good book.",
    "The little boat moved slowly across the water.",
    "We need to buy some milk and a dozen eggs.",
    "The music was so loud that nobody could hear us.",
    "He looked at his watch and started to run.",
    "Tomorrow morning we are leaving for the city.",
    "The farmer sold his last horse for ninety dollars.",
    "You should always tell the truth to your friends.",
    "The cat was sleeping under the kitchen table.",
    "Most people like to travel in the summer.",
    "Her father works in a factory outside the town.",
    "This is the best soup that I have ever had.",
    "The answer to your question is very simple.",
    "Nobody was surprised when the king came back.",
    "Two birds were singing in the tall green tree.",
    "He wrote the number on a piece of paper.",
    "The bridge over the river was built long ago.",
    "I can see the lights of the city from here.",
    "My grandmother makes the best apple cake.",
    "The ship will arrive in the harbor at seven.",
    "We all laughed when the dog stole the bread.",
]

# Left out of the frequent words: coarse or painful ones.
AVOID = set(
    "fuck fucking fucked shit bullshit bitch ass asshole dick cock pussy cunt "
    "whore slut nigger nigga fag gay porn sex sexual sexy rape raped nude "
    "naked penis vagina anal suicide murder nazi nazis hitler terrorist "
    "terrorists damn crap http https www com org html php etc jan feb mar apr "
    "jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun hell bastard "
    "tits boobs lol omg wtf lmao haha usa nfl nba fbi cia ceo bbc cnn nhs usb "
    "dvd llc inc ltd jpg pdf gif app apps vol min max www mrs rev gen col sgt "
    "capt dept "
    "est mph khz mhz ghz nyc lgbt".split()
)
