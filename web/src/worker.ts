declare const PAGE_VERSION: string;
declare const PAGE_FILES: string[];

console.log(PAGE_VERSION, PAGE_FILES);
