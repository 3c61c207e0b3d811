"use strict";
for (const browser of document.querySelectorAll(".browser")) {
  const form = browser.querySelector("form");
  const items = Array.from(browser.querySelectorAll(".item"));
  const texts = items.map((item) => item.querySelector("summary").textContent.toLowerCase());
  const apply = () => {
    const pattern = new RegExp("^" + form.elements.show.value + "$");
    const type = form.elements.type.value;
    const text = form.elements.text.value.trim().toLowerCase();
    let shown = 0;
    items.forEach((item, place) => {
      const fits =
        pattern.test(item.dataset.pattern) &&
        (!type || item.dataset.type === type) &&
        (!text || texts[place].includes(text));
      item.hidden = !fits;
      shown += fits ? 1 : 0;
    });
    form.querySelector("output").textContent = shown === 1 ? "1 item" : shown + " items";
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
}
const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.hidden = false;
    target.open = true;
    target.scrollIntoView();
  }
};
addEventListener("hashchange", reveal);
reveal();
