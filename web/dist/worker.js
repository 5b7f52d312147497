var E=["index.html","gamaka.js","page.js"];console.log("0dccb3025430c05d",E);
