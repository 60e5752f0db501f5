"""Made-up images, labelled as such: pictures with text, and whole series with lesions and what refers to them."""
