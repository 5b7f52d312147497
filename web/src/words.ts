/** What went wrong, in words for whoever sees the page. Anything else that is thrown is a fault of the page. */
export class PlainError extends Error {
  override name = "PlainError";
}

/** Is told how much of a longer work is done. */
export type Progress = (done: number, all: number) => void;
