var E=["index.html","gamaka.js","page.js"];console.log("9b23a211a9838b7d",E);
