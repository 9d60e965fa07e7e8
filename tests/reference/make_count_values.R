# Reference values for models of counts: NB2 and a hurdle with a truncated NB2, on cases/creators.csv.
#
#   cd tests/reference && Rscript make_count_values.R > count_values.json
#
# R 4.2.2, MASS 7.3-58.2 (glm.nb), pscl 1.5.5 (hurdle); Debian's r-base-core, r-cran-mass, r-cran-pscl.
# Coefficients and dispersion are those of the packages; pscl's own covariance is the inverse of the observed information.
# The robust covariance is made here, with scores and information by differences of R's own dnbinom: packages leave the
# dispersion out of it.

suppressMessages({library(MASS); library(pscl)})
frame <- read.csv("cases/creators.csv")
X <- cbind(1, frame$score, frame$e1, frame$e2, frame$x1)
y <- frame$y_count

loglik <- function(par, X, y, truncated) {
  k <- ncol(X); mu <- exp(X %*% par[1:k]); size <- exp(-par[k + 1])
  value <- dnbinom(y, size = size, mu = mu, log = TRUE)
  if (truncated) value <- value - log1p(-dnbinom(0, size = size, mu = mu))
  as.vector(value)
}
robust <- function(par, X, y, truncated, steps = 1e-4) {
  scale <- steps * c(1 / apply(X, 2, function(v) max(abs(v))), 1)
  p <- length(par)
  shift <- function(i) replace(numeric(p), i, scale[i])
  scores <- sapply(1:p, function(i)
    (8 * (loglik(par + shift(i), X, y, truncated) - loglik(par - shift(i), X, y, truncated)) -
     (loglik(par + 2 * shift(i), X, y, truncated) - loglik(par - 2 * shift(i), X, y, truncated))) / (12 * scale[i]))
  total <- function(q) sum(loglik(q, X, y, truncated))
  hessian <- matrix(0, p, p)
  for (i in 1:p) for (j in 1:p) {
    a <- 10 * shift(i); b <- 10 * shift(j)
    hessian[i, j] <- (total(par + a + b) - total(par + a - b) - total(par - a + b) + total(par - a - b)) /
      (400 * scale[i] * scale[j])
  }
  bread <- solve(-hessian)
  bread %*% crossprod(scores) %*% bread
}
json <- function(v) paste0("[", paste(format(v, digits = 15, trim = TRUE, scientific = TRUE), collapse = ", "), "]")

nb <- glm.nb(y ~ X - 1, control = glm.control(epsilon = 1e-14, maxit = 100))
hu <- hurdle(y ~ X - 1 | X - 1, dist = "negbin", zero.dist = "binomial",
             control = hurdle.control(method = "BFGS", reltol = 1e-15, maxit = 100000))
positive <- y > 0
nb_par <- c(coef(nb), -log(nb$theta)); hu_par <- c(hu$coefficients$count, -log(hu$theta))
k <- ncol(X)
cat("{\n")
cat(' "nb2": {"params":', json(coef(nb)), ', "alpha":', json(1 / nb$theta),
    ', "hc0":', json(sqrt(diag(robust(nb_par, X, y, FALSE)))[1:k]), '},\n')
cat(' "hurdle": {"zero":', json(hu$coefficients$zero), ', "positive":', json(hu$coefficients$count),
    ', "alpha":', json(1 / hu$theta), ', "loglik":', json(hu$loglik),
    ', "information_zero":', json(sqrt(diag(vcov(hu)))[k + 1:k]),
    ', "information_positive":', json(sqrt(diag(vcov(hu)))[1:k]),
    ', "hc0_positive":', json(sqrt(diag(robust(hu_par, X[positive, ], y[positive], TRUE)))[1:k]), '}\n')
cat("}\n")
