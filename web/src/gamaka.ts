export { PlainError } from "./words.ts";
export { answer, type Answer, type Part } from "./genres/answer.ts";
export { Comparer } from "./genres/comparer.ts";
export { learnGenres, type Example, type Genre, type Genres } from "./genres/learn.ts";
export { byName, checkedName, parents } from "./genres/names.ts";
export { readShared, writeShared, type Shared, type SharedModel } from "./genres/shared.ts";
export type { Comparison } from "./genres/vectors.ts";
