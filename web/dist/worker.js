var E=["index.html","gamaka.js","page.js"];console.log("9429b672643a871a",E);
