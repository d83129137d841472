// What the report is about: the data in the page, and how numbers are written.
const { html, render, useState, useEffect, useLayoutEffect, useMemo, useRef } = htmPreact;
const DATA = JSON.parse(document.getElementById("data").textContent);
const capsules = DATA.capsules || [];
const night = DATA.night;
const nights = DATA.history || [];

const capsuleOf = (id) => capsules.find((capsule) => capsule.id === id);

const grouped = new Intl.NumberFormat("en-GB", { useGrouping: true });
const count = (number) => (number === null || number === undefined ? "–" : grouped.format(number));
const rough = (number) => {
  if (number === null || number === undefined) return "–";
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e4]]) {
    if (number >= size) return `${(number / (unit === "k" ? 1e3 : size)).toPrecision(3)} ${unit}`;
  }
  return count(number);
};
const percent = (share) => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`;
const span = (seconds) => {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 100) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")}`;
};
const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many || one + "s"}`;
// A name's leading zeros say nothing: `seg-0000000001` is `seg-1`.
const brief = (text) => text.replace(/(?<!\d)0{4,}(?=\d)/g, "");
const moment = (text) => (text ? text.replace("T", " ").replace(/:\d\dZ$/, " UTC") : "–");
