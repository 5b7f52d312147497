var E=["index.html","gamaka.js","page.js"];console.log("e101ea7ce4533f55",E);
