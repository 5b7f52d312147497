/** What the page has to tell above all else: notices, and the files that could not be used. */

import { button, count, element, iconButton, rows, say } from "./elements.ts";
import { changed, dismiss, state, type Notice, type Problem } from "./state.ts";

/** Files of which each has its line; of more it is said how many there are. */
const LINES = 50;

export function buildNotices(root: HTMLElement): () => void {
  const list = element("div", {});
  const title = element("h2", { id: "problems-title" });
  // It scrolls, so that a keyboard has to reach it.
  const lines = element("ul", { class: "lines", tabindex: 0, "aria-labelledby": "problems-title" });
  const rest = element("p", { class: "soft small" });
  const close = iconButton("close", "Close this list", "", () => {
    state.problems = [];
    changed();
  });
  const problems = element("section", { class: "notice warn", "aria-labelledby": "problems-title", hidden: true }, element("div", { class: "words" }, title, lines, rest), close);
  root.append(list, problems);
  const drawNotices = rows(list, (notice: Notice) => `${notice.id} ${notice.text}`, noticeRow);
  const drawLines = rows(lines, (problem: Problem) => problem.id, problemRow);
  return () => {
    drawNotices(state.notices);
    problems.hidden = state.problems.length === 0;
    say(title, `${count(state.problems.length, "file")} could not be used`);
    drawLines(state.problems.slice(0, LINES));
    rest.hidden = state.problems.length <= LINES;
    say(rest, rest.hidden ? "" : `and ${state.problems.length - LINES} more`);
  };
}

function noticeRow(notice: Notice) {
  const { action } = notice;
  const root = element(
    "div",
    { class: `notice ${notice.kind}`, role: notice.kind === "warn" ? "alert" : "status" },
    element("p", { class: "words" }, notice.text),
    // Nothing but its button does what it is there for.
    action ? button(action.text, "", action.run) : iconButton("close", "Close this message", "", () => dismiss(notice.id)),
  );
  return { root, update: () => undefined };
}

function problemRow(problem: Problem) {
  return { root: element("li", {}, element("strong", {}, problem.name), ` ${problem.reason}`), update: () => undefined };
}
