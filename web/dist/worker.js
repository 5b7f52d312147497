var E=["index.html","gamaka.js","page.js"];console.log("dcecd9b37259800a",E);
