var E=["index.html","gamaka.js","page.js"];console.log("5de393e824fad4c0",E);
