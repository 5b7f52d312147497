/** What went wrong, in words for whoever sees the page. Anything else that is thrown is a fault of the page. */
export class PlainError extends Error {
  override name = "PlainError";
}
