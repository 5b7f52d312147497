var E=["index.html","gamaka.js","page.js"];console.log("8f0f2f0927f3caab",E);
