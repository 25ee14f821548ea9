"""The issues that `check` looks for, in the order they are shown, and what each means."""

ISSUES = {
    "dark": "Nearly all pixels are dark.",
    "light": "Nearly all pixels are light.",
    "low_information": "The pixels have few different values.",
    "blurry": "There are hardly any edges.",
    "odd_aspect_ratio": "Much longer than wide, or wider than long.",
    "odd_size": "Far larger or smaller than most.",
    "greyscale": "The file has one channel, no colours.",
    "exact_duplicates": "The same pixels as another photograph; a set shares its mark.",
    "near_duplicates": "Looks like another photograph (same perceptual hash); a set shares its mark.",
    "label_doubtful": "Its features are nearer to another class than its own: mislabelled, or hard to tell.",
    "unusual": "Its features are far from the centre of its class, further than those of others.",
    "leak": "Nearly the same as a photograph of another split: a test with it proves little.",
}
