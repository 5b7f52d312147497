export { PlainError } from "./words.ts";
