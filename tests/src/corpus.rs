//! The text our vocabularies are made from: written for this project, so that it may be committed.

/// A few paragraphs with ordinary words, numbers, punctuation, code and other scripts.
pub const TEXT: &str = "\
The house at the end of the lane had a red door and a small garden. Every morning the old woman \
opened the door, looked at the sky, and said what the weather would be. She was right more often \
than the radio. When it rained she stayed inside and read; when the sun was out she worked in the \
garden with her hands in the earth.

One day a boy came to the door. \"Can you tell me how you know the weather?\" he asked. \"I can \
tell you,\" she said, \"but you have to look for yourself. Look at the birds: when they fly low, \
it will rain. Look at the hill: when you can see every tree on it, it will rain as well. And look \
at the clouds in the evening. A red sky at night is a good sign.\"

The boy looked at the birds, the hill and the clouds for a whole year. He wrote down what he saw, \
what he thought the next day would be like, and what it was like in the end. After the first month \
he was right 11 times out of 30. After the second he was right 17 times. In the third month he was \
right 24 times, and by the end of the year he was almost as good as the woman with the red door.

\"Now I know,\" he said. \"You do not know the weather. You remember it.\" She laughed. \"That is \
the same thing,\" she said, \"if you remember enough of it.\"

A machine that reads text does something like this. It does not know what comes next. It has seen \
many sentences, and it remembers, in its own way, how they went on. Given the words so far, it \
makes a list of all the words it knows, with a number for each: how likely is it that this one is \
next? Then one of them is taken, and the machine starts again with one word more.

let total = 0; for (let i = 0; i < 10; i++) { total += values[i]; } return total / 10;
fn main() { println!(\"{}\", 1 + 2 * 3); } if x == 4 and y != 5: print(x, y)

Zürich, Köln, Málaga, naïve, façade, 東京, Москва, 😀. It costs 12.50 or 1,250; call 555-0100.
";
