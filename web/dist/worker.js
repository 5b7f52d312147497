var E=["index.html","gamaka.js","page.js"];console.log("c98236070b0bba40",E);
