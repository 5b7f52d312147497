/** What is shown where the page cannot compute: why, and what to do. */

import { BROWSERS } from "../runtime/device.ts";
import { element } from "./elements.ts";

/** Says that this browser has no WebGPU, and which ones do. */
export function withoutWebGpu(): HTMLElement {
  const secure = window.isSecureContext;
  const why = secure
    ? "The page listens with your graphics device, by what is called WebGPU. This browser does not offer it, or has switched it off for this device."
    : "The page listens with your graphics device, by what is called WebGPU. Browsers offer it only to pages with an address that begins with https, or that come from this very machine.";
  return element(
    "section", { class: "card closed", "aria-labelledby": "closed-title" },
    element("h2", { id: "closed-title" }, secure ? "This browser cannot listen to songs yet" : "This address is not one that browsers trust"),
    element("p", {}, why),
    element("h3", {}, "These browsers can"),
    element("dl", {}, ...BROWSERS.flatMap(([name, since]) => [element("dt", {}, name), element("dd", {}, since)])),
    element("p", { class: "soft small" }, "If yours is one of these: update it, and look whether “graphics acceleration” is switched on in its settings."),
    element("p", { class: "soft small" }, "Songs and genres that were kept here on earlier visits stay as they are."),
  );
}

/** Says that the program could not be opened. */
export function couldNotOpen(reason: string): HTMLElement {
  const again = element("button", { type: "button", class: "full", onclick: () => location.reload() }, "Try again");
  return element(
    "section", { class: "card closed", "aria-labelledby": "closed-title" },
    element("h2", { id: "closed-title" }, "The page could not be made ready"),
    element("p", {}, reason),
    again,
  );
}
