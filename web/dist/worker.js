var E=["index.html","gamaka.js","page.js"];console.log("f7a3d6b3192411e2",E);
