/* The exponential and the logistic function, without a mathematical library. */
#ifndef FACESDK_FACE_LOGISTIC_H_
#define FACESDK_FACE_LOGISTIC_H_

/* 1 / (1 + exp(-value)), to a few units in the last place. */
double facesdk_logistic(double value);

/* exp(value), likewise; of 700 for more and for NaN, and 0 below -700. */
double facesdk_exponential(double value);

#endif
