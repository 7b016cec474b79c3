// The filter box, which is of no use without a script and hidden without one.
const box = document.querySelector("input");
const count = document.querySelector("header p");
const all = count.textContent;
const rows = [...document.querySelectorAll("tbody tr:not(.up)")];
// An accented letter is one character to most keyboards and two in a Mac's names.
const plain = text => text.normalize().toLowerCase();
const names = rows.map(row => plain(row.cells[0].textContent));
const filter = () => {
  const wanted = plain(box.value.trim());
  let shown = 0;
  rows.forEach((row, i) => {
    row.hidden = !names[i].includes(wanted);
    shown += !row.hidden;
  });
  count.textContent = wanted ? `${shown} of ${rows.length}` : all;
};
box.hidden = rows.length < 2;
box.addEventListener("input", filter);
addEventListener("pageshow", filter);
addEventListener("keydown", event => {
  if (event.key === "/" && event.target !== box && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    box.focus();
  } else if (event.key === "Escape" && event.target === box) {
    box.value = "";
    filter();
  }
});
